#pragma once
// Published ports as the runtime's files have them: [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}].

#include <string>
#include <vector>

#include "base/json.h"
#include "runtime/nft_rules.h"

namespace runtime {

base::Json to_json(const std::vector<PublishedPort>& ports);
// Throws base::Json::exception for another form.
std::vector<PublishedPort> ports_from_json(const base::Json& list);

// "8080->80/tcp, 53->53/udp", for people.
std::string ports_text(const std::vector<PublishedPort>& ports);

}  // namespace runtime
