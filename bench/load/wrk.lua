-- One request after the other for wrk: a random user each, and a new value each time.
-- Arguments: method, key, lowest id, highest id, field, tag, seed (as load.ts passes them).
local method, field, tag, low, high
local headers = {}
local count = 0

function init(args)
  method, low, high, field, tag = args[1], tonumber(args[3]), tonumber(args[4]), args[5], args[6]
  headers["Authorization"] = "Bearer " .. args[2]
  if method == "PATCH" then headers["Content-Type"] = "application/json" end
  math.randomseed(tonumber(args[7]))
end

local function two_groups()
  local one = math.random(20)
  local other = (one + math.random(19) - 1) % 20 + 1
  return one .. "," .. other
end

local function body()
  if method ~= "PATCH" then return nil end
  if field == "groups" then return '{"groups":[' .. two_groups() .. "]}" end
  count = count + 1
  return '{"first_name":"' .. tag .. count .. '"}'
end

function request()
  return wrk.format(method, "/admin/users/" .. math.random(low, high) .. "/", headers, body())
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
