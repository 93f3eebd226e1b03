// coffer kmip list, create, ping: looking at the servers of a group, and making keys there.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "coffer/cli/commands.h"
#include "coffer/cli/kmip_group.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_kmip_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const kmip::Client client, kmip_client(arguments));
  COFFER_ASSIGN(const kmip::KeySpace space, kmip_key_space(arguments));
  const std::string name = arguments.value("--name", "");
  COFFER_ASSIGN(const auto ids, client.locate({name, space}));
  COFFER_ASSIGN(auto keys, client.attributes(ids, space));
  std::erase_if(keys, [&](const kmip::KeyAttributes& key) {
    return !key.is_in(space) || (!name.empty() && std::ranges::find(key.names, name) == key.names.end());
  });
  std::ranges::stable_sort(keys, {}, [](const kmip::KeyAttributes& key) {
    return std::tuple(key.initial_date.value_or(0), key.id.size(), key.id);
  });
  Json list = Json::array();
  for (const kmip::KeyAttributes& key : keys) list.push_back(kmip_key_json(key));
  console.answer(Json::object({{"group", client.group().settings().describe()}, {"keys", std::move(list)}}),
                 kmip_key_table(keys));
  if (keys.empty()) console.note("there is no key that this client may see; coffer kmip create makes one");
  return Outcome::kDone;
}

Result<Outcome> run_kmip_create(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const kmip::Client client, kmip_client(arguments));
  COFFER_ASSIGN(const kmip::KeySpace space, kmip_key_space(arguments));
  const std::string bits = arguments.value("--bits", "256");
  kmip::NewKey wanted;
  wanted.name = arguments.operand("NAME");
  std::from_chars(bits.data(), bits.data() + bits.size(), wanted.bits);
  wanted.operation_policy = arguments.value("--policy", "");
  if (wanted.name.empty()) return {Code::kInvalidArgument, "NAME: expected the name of the new key"};
  wanted.space = space;
  COFFER_ASSIGN(const std::string id, client.create(wanted));
  COFFER_TRY(client.activate(id).with_context("key " + printable(id) + " was made, but is not active yet"));
  COFFER_ASSIGN(const kmip::KeyAttributes key, client.attributes(id, space));
  console.answer(kmip_key_json(key),
                 fmt::format("made {} in {}\n", kmip_key_text(key), printable(client.group().settings().describe())));
  return Outcome::kDone;
}

Result<Outcome> run_kmip_ping(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const kmip::Client client, kmip_client(arguments));
  Json hosts = Json::array();
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kLeft});
  table.add({"HOST", "KMIP", "TLS", "TIME", "STATUS"});
  Outcome outcome = Outcome::kDone;
  for (const kmip::HostReport& report : client.group().ping()) {
    const double millis = static_cast<double>(report.taken.count()) / 1000;
    const bool well = report.status.is_ok();
    if (!well) outcome = Outcome::kProblemsFound;
    table.add({printable(report.host), well ? report.version.text() : "-",
               report.tls_version.empty() ? "-" : report.tls_version, fmt::format("{:.1f} ms", millis),
               well ? "ok" : printable(report.status.message())});
    Json host = {{"host", report.host}, {"ok", well}, {"milliseconds", millis}};
    if (!report.tls_version.empty()) host["tls"] = report.tls_version;
    if (well) host["kmip"] = report.version.text();
    if (!well) host["error"] = {{"code", code_name(report.status.code())}, {"message", report.status.message()}};
    hosts.push_back(std::move(host));
  }
  console.answer(Json::object({{"group", client.group().settings().describe()}, {"hosts", std::move(hosts)}}),
                 table.text());
  return outcome;
}

}  // namespace

Command kmip_list_command() {
  return {
      .name = "kmip list",
      .about = "lists the keys in KMIP servers that this client may see",
      .operands = {kmip_group_operand()},
      .flags = {{"--name", "NAME", "only keys of this name"},
                kmip_namespace_flag(),
                kmip_namespace_attribute_flag(),
                kmip_config_flag()},
      .examples = {"kmip list prod --config /var/lib/db.coffer",
                   "kmip list 'kmip://hsm1?cert=client.pem&key=client.key&ca=ca.pem' --name root"},
      .run = run_kmip_list,
  };
}

Command kmip_create_command() {
  return {
      .name = "kmip create",
      .about = "makes an AES key in KMIP servers, and activates it",
      .operands = {kmip_group_operand(), {"NAME", "the new key's name; there may be several of one name"}},
      .flags = {{"--bits", "N", "size of the key (256)", {"128", "192", "256"}},
                kmip_namespace_flag(),
                kmip_namespace_attribute_flag(),
                {"--policy", "NAME", "the Operation Policy Name (before KMIP 2.0), if not the server's default"},
                kmip_config_flag()},
      .examples = {"kmip create prod root --config /var/lib/db.coffer",
                   "kmip create prod root --namespace tenant-7 --config /etc/coffer/coffer.yaml"},
      .run = run_kmip_create,
  };
}

Command kmip_ping_command() {
  return {
      .name = "kmip ping",
      .about = "says of each host of a group whether it answers, how it is spoken to, or what is wrong",
      .operands = {kmip_group_operand()},
      .flags = {kmip_config_flag()},
      .examples = {"kmip ping prod --config /var/lib/db.coffer"},
      .run = run_kmip_ping,
  };
}

}  // namespace coffer::cli
