import type { ClientContext, Result } from 'ioredis';

// The steps that must not be torn, as scripts: each works on one key, and tells the channel of the same name, so that
// both are in one slot of a cluster. Times are those of who asks, in ms since 1970; a key's TTL is only an upper bound.

/** What became of a piece of a reply: kept and told; or dropped, for its attempt is over, the reply has ended, or text before it is missing. */
export type Written = 'kept' | 'old' | 'ended' | 'gap';

type Values = readonly (string | number)[];

declare module 'ioredis' {
  interface RedisCommander<Context extends ClientContext> {
    /** now, until, ttl, attempt, part, offset, text, its length in UTF-16 units, notice. */
    sessionsWrite(key: string, ...values: Values): Result<Written, Context>;
    /** until, ttl, notice. */
    sessionsEndReply(key: string, ...values: Values): Result<number, Context>;
    /** now, until, ttl, user, '1' or '0', notice. */
    sessionsTyping(key: string, ...values: Values): Result<number, Context>;
    /** now, cost, most, epsilon, margin of the ttl. Returns how long to wait, as a text, for a number would be cut to 64 bits. */
    sessionsTake(key: string, ...values: Values): Result<string, Context>;
    /** now, until, ttl, notice. */
    sessionsEnd(key: string, ...values: Values): Result<number, Context>;
  }
}

/** Text is UTF-8 there, and offsets count UTF-16 units: of four bytes, two. */
const write = `
local function head(text, units)
  local at = 1
  while units > 0 and at <= #text do
    local byte = text:byte(at)
    local size = byte < 0x80 and 1 or byte < 0xE0 and 2 or byte < 0xF0 and 3 or 4
    at = at + size
    units = units - (size == 4 and 2 or 1)
  end
  return text:sub(1, at - 1)
end
local now, attempt, offset = tonumber(ARGV[1]), tonumber(ARGV[4]), tonumber(ARGV[6])
local held = redis.call('HMGET', KEYS[1], 'ended', 'until', 'attempt', 'units')
if tonumber(held[1] or 0) > now then return 'ended' end
local before = tonumber(held[2] or 0) > now and tonumber(held[3]) or -1
if attempt < before then return 'old' end
local units = attempt == before and tonumber(held[4]) or 0
if offset > units then return 'gap' end
local text = ARGV[7]
if offset > 0 then
  local sofar = redis.call('HGET', KEYS[1], 'text')
  text = (offset < units and head(sofar, offset) or sofar) .. text
end
redis.call('HSET', KEYS[1], 'attempt', ARGV[4], 'part', ARGV[5], 'units', offset + ARGV[8], 'text', text, 'until', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('SPUBLISH', KEYS[1], ARGV[9])
return 'kept'`;

const endReply = `
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'ended', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('SPUBLISH', KEYS[1], ARGV[3])`;

/** Of each who types, their place in the order of beginning and until when. Whoever is over is swept away at each change. */
const typing = `
local now, last, place = tonumber(ARGV[1]), 0, nil
local people = redis.call('HGETALL', KEYS[1])
for i = 1, #people, 2 do
  local order, till = people[i + 1]:match('^(%d+) (.+)$')
  if tonumber(till) <= now then
    redis.call('HDEL', KEYS[1], people[i])
  else
    last = math.max(last, tonumber(order))
    if people[i] == ARGV[4] then place = tonumber(order) end
  end
end
if ARGV[5] == '1' then
  redis.call('HSET', KEYS[1], ARGV[4], string.format('%d %s', place or last + 1, ARGV[2]))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
else
  redis.call('HDEL', KEYS[1], ARGV[4])
end
return redis.call('SPUBLISH', KEYS[1], ARGV[6])`;

/** The rule of bucket.ts. */
const take = `
local now = tonumber(ARGV[1])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + ARGV[2]
local over = full - now - ARGV[3]
if over > tonumber(ARGV[4]) then return string.format('%.17g', math.ceil(over - ARGV[4])) end
redis.call('SET', KEYS[1], string.format('%.17g', full), 'PX', math.min(math.ceil(full - now) + ARGV[5], 2 ^ 52))
return '0'`;

/** One that ends later stays. */
const end = `
if tonumber(ARGV[2]) > math.max(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1])) then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return redis.call('SPUBLISH', KEYS[1], ARGV[4])`;

export const scripts = {
  sessionsWrite: { numberOfKeys: 1, lua: write },
  sessionsEndReply: { numberOfKeys: 1, lua: endReply },
  sessionsTyping: { numberOfKeys: 1, lua: typing },
  sessionsTake: { numberOfKeys: 1, lua: take },
  sessionsEnd: { numberOfKeys: 1, lua: end },
};
