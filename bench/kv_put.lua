-- wrk: writes to a thousand keys in turn, each thread its own.
local n, id = 0, 0
local setups = 0
function setup(thread)
  thread:set("id", setups)
  setups = setups + 1
end
function request()
  n = n + 1
  return wrk.format("PUT", "/v2/keys/bench/" .. id .. "/" .. (n % 1000),
    { ["Content-Type"] = "application/x-www-form-urlencoded" }, "value=a+value+as+long+as+an+address:+10.0.0.1:8080")
end
