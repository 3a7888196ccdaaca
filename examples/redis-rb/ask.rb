# redis-rb: answer from the cache, or ask the model and store what it says. Run: ruby ask.rb [port]
require "redis"

CACHE = Redis.new(port: Integer(ARGV.fetch(0, 6380)))

# Stands for the call of your model.
def ask_llm(question) = "(the model's answer to: #{question})"

def answer(question)
  CACHE.call("MC.GET", "gpt-4", question) || ask_llm(question).tap do |fresh|
    CACHE.call("MC.SET", "gpt-4", question, fresh, "EX", 86_400)
  end
end

puts "asked : #{answer("How do I reset my password?")}"
puts "cached: #{answer("how can I reset my password")}"
CACHE.close
