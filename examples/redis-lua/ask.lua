-- redis-lua: answer from the cache, or ask the model and store what it says. Run: lua5.1 ask.lua [port]
local redis = require("redis")

redis.commands.mc_get = redis.command("MC.GET")
redis.commands.mc_set = redis.command("MC.SET")
local cache = redis.connect("127.0.0.1", tonumber(arg[1] or 6380))

-- Stands for the call of your model.
local function ask_llm(question)
  return "(the model's answer to: " .. question .. ")"
end

local function answer(question)
  local cached = cache:mc_get("gpt-4", question)
  if cached then return cached end
  local fresh = ask_llm(question)
  cache:mc_set("gpt-4", question, fresh, "EX", 86400)
  return fresh
end

print("asked : " .. answer("How do I reset my password?"))
print("cached: " .. answer("how can I reset my password"))
cache:quit()
