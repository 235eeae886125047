#include "store/rocksdb_database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

/// The directory that is opened to be read alone: for an audit, and for bases.
namespace quipu {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr ShardId kShard{Generation{1}, PartitionId{0}};

class RocksdbToRead : public testing::Test {
 protected:
  RocksdbToRead() {
    std::string pattern = (fs::temp_directory_path() / "quipu-rocksdb-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~RocksdbToRead() override { fs::remove_all(root_); }

  std::string directory() const { return root_ / "store"; }

  fs::path root_;
};

TEST_F(RocksdbToRead, HasWhatWasWrittenAndChangesNothing) {
  {
    auto database = RocksdbDatabase::open(directory(), {}).value();
    StoreWrite write;
    write.rows.add(9, "views", "cats", kShard, {5, 2, Epoch{}, Offset{7}, 0});
    ASSERT_TRUE(database->write(write));
    ASSERT_TRUE(database->flush());
  }
  const auto time = fs::last_write_time(directory());
  {
    const auto opened = RocksdbDatabase::open_to_read(directory(), {});
    ASSERT_TRUE(opened) << opened.error().what;
    RowBatch rows;
    ASSERT_TRUE((*opened)->load({{9, "views", "cats"}}, rows));
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows.items().front().row.total, 5);
  }
  EXPECT_EQ(fs::last_write_time(directory()), time);
}

TEST_F(RocksdbToRead, ADirectoryThatIsNotThereIsNamedAndNotMade) {
  const auto opened = RocksdbDatabase::open_to_read(directory(), {});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kDamaged);
  EXPECT_THAT(opened.error().what, HasSubstr(directory()));
}

TEST_F(RocksdbToRead, AFileInThePlaceOfTheDirectoryIsToldAndKept) {
  std::ofstream(directory()) << "notes";
  const auto opened = RocksdbDatabase::open(directory(), {});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what, HasSubstr(directory() + ": cannot open the store"));
  EXPECT_TRUE(fs::is_regular_file(directory()));
}

TEST_F(RocksdbToRead, ADamagedBlockIsNoEndOfTheRows) {
  {
    auto database = RocksdbDatabase::open(directory(), {}).value();
    StoreWrite write;
    for (std::uint64_t n = 0; n < 2'000; ++n) {
      write.rows.add(n, "views", "counter " + std::to_string(n), kShard, {5, 2, Epoch{}, Offset{n + 1}, 0});
    }
    ASSERT_TRUE(database->write(write));
    ASSERT_TRUE(database->flush());
  }
  std::vector<fs::directory_entry> files(fs::directory_iterator{directory()}, {});
  const auto rows_file = std::ranges::max_element(
      files, {}, [](const auto& entry) { return entry.path().extension() == ".sst" ? entry.file_size() : 0; });
  {
    std::fstream file(rows_file->path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(rows_file->file_size() / 4));  // Among the rows, where no opening looks.
    file << "damaged";
  }
  const auto opened = RocksdbDatabase::open_to_read(directory(), {});
  ASSERT_TRUE(opened) << opened.error().what;
  RowBatch rows;
  const auto read = (*opened)->scan({0, 0, 1'000'000}, rows);
  ASSERT_FALSE(read) << "all " << rows.size() << " rows were read";
  EXPECT_EQ(read.error().code, Code::kDamaged);
  EXPECT_THAT(read.error().what, HasSubstr(directory() + ": cannot read"));
}

}  // namespace
}  // namespace quipu
