#include <string>

#include "fuzz/fuzz.h"
#include "store/row_codec.h"

namespace quipu::fuzz {
namespace {

/// Each value has one encoding, so what is read is written as it was.
void check_read(Input& input) {
  const auto key = input.text(input.below(64));
  const auto value = input.rest();
  if (const auto row = read_row_key(key)) {
    std::string again;
    put_row_key(again, row->routing, row->space, row->counter, row->shard);
    require(again == key, "a row's key is written as it was read");
  }
  if (const auto row = read_row_value(value)) {
    std::string again;
    put_row_value(again, *row);
    require(again == value, "a row's value is written as it was read");
  }
  if (const auto row = read_source(key, value)) {
    require(source_key(row->partition, row->source) == key, "a source's key is written as it was read");
    require(source_value(*row) == value, "a source's value is written as it was read");
  }
  if (const auto mark = read_watermark(key, value)) {
    require(watermark_key(mark->partition) == key, "a watermark's key is written as it was read");
    require(watermark_value(*mark) == value, "a watermark's value is written as it was read");
  }
  if (const auto text = read_setting_value(value)) {
    require(setting_value(*text) == value, "a setting's value is written as it was read");
  }
  if (const auto version = read_format_value(value)) {
    require(format_value(*version) == value, "the format's version is written as it was read");
  }
}

void check_written(Input& input) {
  const Row row{input.number<std::int64_t>(), input.number<std::uint64_t>(),
                epoch_of(Generation{input.number<std::uint32_t>() % kGenerationMax},
                         Offset{input.number<std::uint64_t>() % kOffsetMax}),
                Offset{input.number<std::uint64_t>() % kOffsetMax}, static_cast<std::uint8_t>(input.flag() ? 1 : 0)};
  std::string value;
  put_row_value(value, row);
  const auto row_read = read_row_value(value);
  require(row_read && *row_read == row, "a row is read as it was written");

  const ShardId shard{Generation{input.number<std::uint32_t>()}, PartitionId{input.number<std::uint16_t>()}};
  const auto routing = input.number<std::uint64_t>();
  const auto space = input.text(input.below(256));
  const auto counter = input.rest();
  std::string key;
  put_row_key(key, routing, space, counter, shard);
  const auto read = read_row_key(key);
  require(read.has_value(), "a row's key is read");
  require(read->routing == routing && read->space == space && read->counter == counter && read->shard == shard,
          "a row's key is read as it was written");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::Input input(data, size);
  if (input.flag()) {
    quipu::fuzz::check_read(input);
  } else {
    quipu::fuzz::check_written(input);
  }
  return 0;
}
