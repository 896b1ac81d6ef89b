// A query is a header, one question and perhaps records of which only EDNS's OPT matters. Everything is bounded by the
// message's size: names are read forward, and a compression pointer must point before the place where it stands and
// before all pointers followed so far, so that reading a name always ends.

#include "discovery/message.h"

namespace discovery {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint8_t kPointer = 0xc0;
constexpr unsigned kMaxRecords = 64;  // that we skip over while looking for OPT

// A cursor that turns every read past the end into one flag.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  std::size_t left() const { return bytes_.size() - at_; }

  std::uint8_t u8() {
    if (at_ >= bytes_.size()) return fail();
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  std::uint16_t u16() {
    const std::uint16_t high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  void skip(std::size_t count) {
    if (left() < count) {
      fail();
    } else {
      at_ += count;
    }
  }

  Name name() {
    Name result;
    std::size_t place = at_;
    std::size_t lowest = at_;  // pointers must go below it
    std::size_t size = 1;
    bool jumped = false;
    while (ok_) {
      if (place >= bytes_.size()) return fail(), Name{};
      const auto length = static_cast<std::uint8_t>(bytes_[place]);
      if ((length & kPointer) == kPointer) {
        if (place + 1 >= bytes_.size()) return fail(), Name{};
        const std::size_t target =
            static_cast<std::size_t>(length & 0x3f) << 8 | static_cast<std::uint8_t>(bytes_[place + 1]);
        if (!jumped) at_ = place + 2;
        if (target >= lowest || target < kHeader) return fail(), Name{};
        jumped = true;
        place = lowest = target;
        continue;
      }
      if (length > kMaxLabel) return fail(), Name{};
      if (length == 0) {
        if (!jumped) at_ = place + 1;
        break;
      }
      size += 1u + length;
      if (size > kMaxName || bytes_.size() - place - 1 < length) return fail(), Name{};
      result.emplace_back(bytes_.substr(place + 1, length));
      place += 1u + length;
    }
    return result;
  }

 private:
  std::uint8_t fail() {
    ok_ = false;
    at_ = bytes_.size();
    return 0;
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace

std::variant<Query, BadQuery> decode_query(std::string_view bytes) {
  if (bytes.size() < kHeader) return BadQuery{};
  Reader reader(bytes);
  Query query;
  query.id = reader.u16();
  const std::uint16_t flags = reader.u16();
  const unsigned questions = reader.u16();
  const unsigned answers = reader.u16();
  const unsigned authorities = reader.u16();
  const unsigned additionals = reader.u16();
  if (flags & 0x8000) return BadQuery{};  // a response: answering it could make two servers talk for ever
  query.opcode = static_cast<std::uint8_t>(flags >> 11 & 0x0f);
  query.recursion_desired = flags & 0x0100;

  if (query.opcode != 0) return BadQuery{query, Rcode::kNotImplemented};
  if (questions != 1) return BadQuery{query, Rcode::kFormatError};
  const Query header_only = query;
  query.name = reader.name();
  query.type = reader.u16();
  query.klass = reader.u16();
  if (!reader.ok()) return BadQuery{header_only, Rcode::kFormatError};

  const unsigned records = answers + authorities + additionals;
  if (records > kMaxRecords) return BadQuery{query, Rcode::kFormatError};
  for (unsigned i = 0; i < records; ++i) {
    const Name owner = reader.name();
    const std::uint16_t type = reader.u16();
    const std::uint16_t klass = reader.u16();
    const std::uint32_t ttl = reader.u32();
    reader.skip(reader.u16());
    if (!reader.ok()) return BadQuery{query, Rcode::kFormatError};
    if (type != kTypeOpt || i < answers + authorities) continue;
    if (query.edns || !owner.empty()) return BadQuery{query, Rcode::kFormatError};  // RFC 6891, 6.1.1
    query.edns = Edns{.udp_size = klass, .version = static_cast<std::uint8_t>(ttl >> 16)};
  }
  if (query.edns && query.edns->version != 0) return BadQuery{query, Rcode::kBadVersion};
  return query;
}

}  // namespace discovery
