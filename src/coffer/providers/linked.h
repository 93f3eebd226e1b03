// The key providers that need more than OpenSSL, in the program itself instead of in modules beside it. For programs
// that link coffer::providers.
#pragma once

namespace coffer {

// From now on those providers are opened without loading a module. Call it before the first coffer is opened; again
// does nothing.
void link_providers();

}  // namespace coffer
