-- POST /view for wrk: wrk -s post_view.lua URL -- PIPELINE. 1,000 requests stand ready before the clock starts and are
-- sent in turn; one request of wrk is PIPELINE of ours in one piece. At the end one line of JSON.

function init(arguments)
  local pipeline = tonumber(arguments[1])
  ready, at = {}, 0
  for n = 0, 999 do
    local pieces = {}
    for k = 1, pipeline do
      pieces[k] = wrk.format("POST", "/view", { ["Content-Type"] = "application/json" },
        string.format('{"video_id":"key-%08d"}', (n * pipeline + k) % 100000))
    end
    ready[n] = table.concat(pieces)
  end
end

function request()
  at = at + 1
  if at == 1000 then at = 0 end
  return ready[at]
end

function done(summary)
  local errors = summary.errors
  io.write(string.format('{"replies": %d, "microseconds": %d, "errors": %d}\n', summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
