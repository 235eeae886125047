-- POST /view as fast as wrk can, a fixed number of times in each thread; what is answered with 202 is counted.
-- wrk -s wrk_view.lua URL -- POSTS_A_THREAD. After these it asks for /livez, so that no view is cut off by wrk's end.
local threads = {}

function setup(thread)
  thread:set("id", #threads)
  table.insert(threads, thread)
end

function init(arguments)
  left = tonumber(arguments[1])
  if id == 0 then left = left + 1 end  -- wrk asks the first thread for one request that it does not send.
  accepted, other = 0, 0
  calm = wrk.format("GET", "/livez")
  posts = {}
  for n = 0, 99 do
    posts[n] = wrk.format("POST", "/view", { ["Content-Type"] = "application/json" },
      string.format('{"video_id": "wrk-%d", "viewer_id": "viewer %d"}', n, id))
  end
end

function request()
  if left == 0 then return calm end
  left = left - 1
  return posts[left % 100]
end

function response(status)
  if status == 202 then accepted = accepted + 1 elseif status ~= 200 then other = other + 1 end
end

function done()
  local sum, rest = 0, 0
  for _, thread in ipairs(threads) do
    sum = sum + thread:get("accepted")
    rest = rest + thread:get("other")
  end
  io.write(string.format("accepted %d other %d\n", sum, rest))
end
