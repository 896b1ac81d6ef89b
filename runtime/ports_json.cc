#include "runtime/ports_json.h"

#include "base/text.h"

namespace runtime {
namespace {

const char* name_of(Protocol protocol) {
  return protocol == Protocol::kTcp ? "tcp" : "udp";
}

}  // namespace

base::Json to_json(const std::vector<PublishedPort>& ports) {
  base::Json list = base::Json::array();
  for (const PublishedPort& port : ports) {
    list.push_back(
        {{"hostPort", port.host_port}, {"containerPort", port.container_port}, {"protocol", name_of(port.protocol)}});
  }
  return list;
}

std::vector<PublishedPort> ports_from_json(const base::Json& list) {
  std::vector<PublishedPort> ports;
  for (const base::Json& port : list) {
    ports.push_back({.protocol = port.at("protocol") == "udp" ? Protocol::kUdp : Protocol::kTcp,
                     .host_port = port.at("hostPort").get<std::uint16_t>(),
                     .container_port = port.at("containerPort").get<std::uint16_t>()});
  }
  return ports;
}

std::string ports_text(const std::vector<PublishedPort>& ports) {
  std::vector<std::string> texts;
  for (const PublishedPort& port : ports) {
    texts.push_back(std::to_string(port.host_port) + "->" + std::to_string(port.container_port) + "/" +
                    name_of(port.protocol));
  }
  return base::join(texts, ", ");
}

}  // namespace runtime
