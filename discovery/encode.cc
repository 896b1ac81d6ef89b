// Writing a response. Records go in one after the other; one that would pass the limit is taken back whole, so that a
// truncated message is still well-formed. OPT comes last in the message but its room is kept free from the start.

#include <map>

#include "base/text.h"
#include "discovery/message.h"

namespace discovery {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kOptBytes = 11;
constexpr std::size_t kMaxPointer = 0x3fff;
constexpr std::uint16_t kOurUdpSize = 4096;  // what we say that we take

class Writer {
 public:
  explicit Writer(std::size_t limit) : limit_(limit) {}

  std::string take() { return std::move(bytes_); }
  bool fits() const { return bytes_.size() <= limit_; }
  std::size_t size() const { return bytes_.size(); }

  // Back to an earlier size; names that were remembered since are forgotten.
  void take_back(std::size_t size) {
    bytes_.resize(size);
    std::erase_if(suffixes_, [size](const auto& entry) { return entry.second >= size; });
  }

  void u8(std::size_t value) { bytes_ += static_cast<char>(value & 0xff); }
  void u16(std::size_t value) {
    u8(value >> 8);
    u8(value);
  }
  void u32(std::uint32_t value) {
    u16(value >> 16);
    u16(value);
  }
  void raw(std::string_view data) { bytes_ += data; }
  void set_u16(std::size_t at, std::size_t value) {
    bytes_[at] = static_cast<char>(value >> 8 & 0xff);
    bytes_[at + 1] = static_cast<char>(value & 0xff);
  }

  // The longest ending of the name that is already in the message becomes a pointer to it.
  void name(const Name& name, bool compress = true) {
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::string suffix;
      for (std::size_t k = i; k < name.size(); ++k) {
        suffix += static_cast<char>(name[k].size());
        suffix += base::lower(name[k]);
      }
      const auto known = suffixes_.find(suffix);
      if (compress && known != suffixes_.end()) return u16(0xc000 | known->second);
      if (known == suffixes_.end() && bytes_.size() <= kMaxPointer) suffixes_.emplace(suffix, bytes_.size());
      u8(name[i].size());
      raw(name[i]);
    }
    u8(0);
  }

 private:
  std::size_t limit_;
  std::string bytes_;
  std::map<std::string, std::size_t> suffixes_;  // wire form in lower case → offset
};

template <std::size_t N>
std::string_view as_text(const std::array<std::uint8_t, N>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct DataWriter {
  Writer& to;
  void operator()(const Ipv4& data) { to.raw(as_text(data)); }
  void operator()(const Ipv6& data) { to.raw(as_text(data)); }
  void operator()(const NameData& data) { to.name(data.name); }
  void operator()(const MxData& data) {
    to.u16(data.preference);
    to.name(data.exchange);
  }
  void operator()(const SrvData& data) {
    to.u16(data.priority);
    to.u16(data.weight);
    to.u16(data.port);
    to.name(data.target, false);
  }
  void operator()(const TxtData& data) {
    for (const std::string& text : data.strings) {
      to.u8(text.size());
      to.raw(text);
    }
  }
  void operator()(const SoaData& data) {
    to.name(data.server);
    to.name(data.mailbox);
    to.u32(data.serial);
    to.u32(data.refresh);
    to.u32(data.retry);
    to.u32(data.expire);
    to.u32(data.minimum);
  }
};

// False when it does not fit; then nothing of it is left in the message.
bool write_record(Writer& writer, const Record& record) {
  const std::size_t begin = writer.size();
  writer.name(record.name);
  writer.u16(record.type);
  writer.u16(record.klass);
  writer.u32(record.ttl);
  const std::size_t length_at = writer.size();
  writer.u16(0);
  std::visit(DataWriter{writer}, record.data);
  const std::size_t length = writer.size() - length_at - 2;
  if (!writer.fits() || length > UINT16_MAX) {
    writer.take_back(begin);
    return false;
  }
  writer.set_u16(length_at, length);
  return true;
}

std::size_t write_section(Writer& writer, const std::vector<Record>& records, bool& truncated) {
  std::size_t count = 0;
  for (const Record& record : records) {
    if (truncated || count == UINT16_MAX || !write_record(writer, record)) {
      truncated = true;
      break;
    }
    ++count;
  }
  return count;
}

}  // namespace

std::string encode_response(const Query& query, const Response& response, std::size_t limit) {
  Writer writer(query.edns ? limit - kOptBytes : limit);
  const auto rcode = static_cast<std::size_t>(response.rcode);
  writer.u16(query.id);
  writer.u16(0);
  writer.raw(std::string(kHeader - 4, '\0'));

  const bool has_question = query.klass != 0;
  if (has_question) {
    writer.name(query.name);
    writer.u16(query.type);
    writer.u16(query.klass);
  }
  bool truncated = false;
  const std::size_t answers = write_section(writer, response.answer, truncated);
  const std::size_t authorities = write_section(writer, response.authority, truncated);
  bool left_out = truncated;
  std::size_t additionals = write_section(writer, response.additional, left_out);

  if (query.edns) {
    writer.u8(0);
    writer.u16(kTypeOpt);
    writer.u16(kOurUdpSize);
    writer.u32(static_cast<std::uint32_t>(rcode >> 4 << 24));
    writer.u16(0);
    ++additionals;
  }

  std::size_t flags = 0x8000 | static_cast<std::size_t>(query.opcode) << 11 | (rcode & 0x0f);
  if (response.authoritative) flags |= 0x0400;
  if (truncated) flags |= 0x0200;
  if (query.recursion_desired) flags |= 0x0100;
  writer.set_u16(2, flags);
  writer.set_u16(4, has_question ? 1 : 0);
  writer.set_u16(6, answers);
  writer.set_u16(8, authorities);
  writer.set_u16(10, additionals);
  return writer.take();
}

bool is_truncated(std::string_view message) {
  return message.size() > 2 && (message[2] & 0x02) != 0;
}

}  // namespace discovery
