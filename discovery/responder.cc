#include "discovery/responder.h"

#include <algorithm>

namespace discovery {
namespace {

std::size_t limit_of(const Query& query, Transport transport) {
  if (transport == Transport::kTcp) return kMaxTcpMessage;
  if (!query.edns) return kMinUdpMessage;
  return std::clamp<std::size_t>(query.edns->udp_size, kMinUdpMessage, kMaxUdpMessage);
}

}  // namespace

std::optional<std::string> Responder::respond(std::string_view message, Transport transport) {
  ++statistics_.queries;
  const auto decoded = decode_query(message);
  if (const auto* bad = std::get_if<BadQuery>(&decoded)) {
    ++statistics_.malformed;
    if (!bad->answer_to) return {};
    Response response;
    response.rcode = bad->rcode;
    return encode_response(*bad->answer_to, response, limit_of(*bad->answer_to, transport));
  }
  const Query& query = std::get<Query>(decoded);
  std::string answer =
      encode_response(query, answerer_.answer(query, snapshot_.zone.get(), snapshot_.feed), limit_of(query, transport));
  if (!is_truncated(answer)) return answer;
  ++statistics_.truncated;
  if (transport == Transport::kUdp) return answer;
  // There is no larger transport to go on with.
  Response response;
  response.rcode = Rcode::kServerFailure;
  return encode_response(query, response, kMaxTcpMessage);
}

}  // namespace discovery
