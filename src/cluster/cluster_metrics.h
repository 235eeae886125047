#pragma once

#include <vector>

#include "api/api_node.h"
#include "cache/totals_cache.h"
#include "cluster/shared_parts.h"
#include "cluster/worker_thread.h"
#include "node/metric_families.h"

namespace quipu {

/// What is counted in the distributed form alone (docs/operations/metrics.md): of a node that serves clients ...
void add_api_metrics(MetricFamilies& out, const ApiNode& node, const KafkaLogStats& log,
                     const TotalsCache::Stats& cache);

/// ... and of the workers of a process.
void add_worker_metrics(MetricFamilies& out, const std::vector<WorkerReport>& workers);

}  // namespace quipu
