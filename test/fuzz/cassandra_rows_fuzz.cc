#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "store/cassandra_rows.h"

namespace quipu::fuzz {
namespace {

/// A value begins with its size, which the reader of a cell has taken off.
std::string_view cell(const CassandraValues& values) { return std::string_view(values.bytes()).substr(4); }

/// What a row that was read is, written as an answer has it: without the number of values and without the timestamp.
std::string answered(const RowBatch& rows, const RowBatch::Item& item) {
  CassandraValues written;
  put_shard(written, rows, item, 0);
  constexpr std::size_t kTimestampBytes = 4 + 8;
  const auto& bytes = written.bytes();
  return bytes.substr(2, bytes.size() - 2 - kTimestampBytes);
}

void check_shard(std::string_view bytes) {
  CassandraReader answer(bytes);
  RowBatch rows;
  if (!read_shard(answer, rows) || rows.empty() || !answer.at_end()) return;
  require(answered(rows, rows.items()[0]) == bytes, "a row is written as it was read");
}

void check_mark(std::string_view bytes) {
  const auto mark = read_mark(bytes);
  if (!mark) return;
  CassandraValues written;
  put_mark(written, *mark);
  require(cell(written) == bytes, "a mark is written as it was read");
}

void check_bases(std::string_view bytes) {
  const auto bases = read_bases(bytes);
  if (!bases) return;
  CassandraValues written;
  put_bases(written, *bases);
  require(cell(written) == bytes, "a list of bases is written as it was read");
}

void check_bucket(std::string_view bytes) {
  std::vector<SourceRow> sources;
  if (!read_source_bucket(PartitionId{3}, bytes, sources)) return;
  require(source_bucket_bytes(sources) == bytes, "a bucket is written as it was read");
}

/// Sizes that are declared and not there read as nothing, and take no memory.
void check_reader(Input& input) {
  const auto choices = input.text(16);
  CassandraReader reader(input.rest());
  for (const char choice : choices) {
    switch (static_cast<unsigned char>(choice) % 5) {
      case 0:
        reader.take_int();
        break;
      case 1:
        reader.take_bigint();
        break;
      case 2:
        reader.take_bytes();
        break;
      case 3:
        reader.take_nullable();
        break;
      default:
        require(reader.take_list_size() >= 0, "a list has no negative size");
    }
    if (!reader.ok()) require(reader.take_bytes().empty(), "nothing is read behind what is damaged");
  }
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quipu::fuzz;
  Input input(data, size);
  switch (input.number<std::uint8_t>() % 5) {
    case 0:
      check_shard(input.rest());
      break;
    case 1:
      check_mark(input.rest());
      break;
    case 2:
      check_bases(input.rest());
      break;
    case 3:
      check_bucket(input.rest());
      break;
    default:
      check_reader(input);
  }
  return 0;
}
