#include "contract/counter_store_contract.h"

namespace quipu::testing_contract {

std::vector<StoreUnderTest> stores_under_test() { return {memory_store_under_test(), rocksdb_store_under_test()}; }

}  // namespace quipu::testing_contract
