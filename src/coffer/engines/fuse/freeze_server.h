// The end of a mount's daemon that freezes its store for who asks: engines/fuse/freeze_wire.h, docs/adr/0054.
//
// One thread does it all, none of libfuse's: those may all wait for the thaw. Whoever is connected is asked for nothing
// but messages of a fixed size, is cut off for any other, and keeps nobody waiting.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "coffer/base/deadline.h"
#include "coffer/engines/fuse/file_system.h"
#include "coffer/engines/fuse/freeze_wire.h"

namespace coffer::fusefs {

class FreezeServer {
 public:
  // `store`: the backing directory, which this process has locked: a socket that is there already is a dead daemon's.
  static Result<std::unique_ptr<FreezeServer>> start(const std::string& coffer_directory, const std::string& store,
                                                     FileSystem& files);
  // Thaws.
  ~FreezeServer();
  FreezeServer(const FreezeServer&) = delete;
  FreezeServer& operator=(const FreezeServer&) = delete;

  // Changes go on at once, and whoever had it frozen hears that. Thread-safe.
  void break_off();

 private:
  struct Client {
    Descriptor socket;
    Deadline until;  // to say something; of who has it frozen, to thaw
    bool has_frozen = false;
  };
  enum class Fate { kStays, kGoes };

  FreezeServer(FileSystem& files, Descriptor directory, std::string name, Descriptor listener, Descriptor event)
      : files_(files),
        directory_(std::move(directory)),
        name_(std::move(name)),
        listener_(std::move(listener)),
        event_(std::move(event)) {}
  void run();
  void await_something();
  void accept_one();
  Fate serve(Client& client);
  // What is answered.
  FreezeWord freeze(Client& client, uint32_t seconds);
  FreezeWord settle_files(const Client& client, Deadline until);
  void end(Client& client);
  void wake() const;

  static constexpr size_t kClientsMax = 8;

  FileSystem& files_;
  const Descriptor directory_;
  const std::string name_;
  const Descriptor listener_, event_;
  std::atomic<bool> stopping_{false}, broken_off_{false};
  // Of the thread:
  std::vector<Client> clients_;
  Deadline accepts_from_{};
  std::thread thread_;
};

}  // namespace coffer::fusefs
