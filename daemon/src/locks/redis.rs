//! Locks by one Redis server. Lock and fence change in one script each; the server's clock decides when a lock is over. The fence is a
//! key of its own that does not expire. A server that lost its memory goes on above what the store has seen.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, FromRedisValue, RedisError, Script, ScriptInvocation, Value,
    from_redis_value,
};
use async_trait::async_trait;
use cutover_shared::redact::redact;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::arbiter::{Arbiter, Ask, Grant};
use super::{LockError, LockName, Party};
use crate::clock::Clock;
use crate::store::lock_rule::MAX_FENCE;

/// Tries of one call. Each script can be sent twice: the second does what the first did, or nothing.
const TRIES: u32 = 2;

/// The longest cause that is shown, in characters.
const SHOWN: usize = 200;

/// `KEYS`: lock, fence. `ARGV`: holder, ttl in ms, the fence to be above. Answers whether it was given, `FENCE:HOLDER` of who has it,
/// and for how many ms. `%.0f`: Lua would write a large number with an exponent.
const GRANT: &str = r"
local held = redis.call('GET', KEYS[1])
if held then
  local own = string.sub(held, -(#ARGV[1] + 1)) == ':' .. ARGV[1]
  return {own and 1 or 0, held, redis.call('PTTL', KEYS[1])}
end
if tonumber(ARGV[3]) > tonumber(redis.call('GET', KEYS[2]) or '0') then
  redis.call('SET', KEYS[2], ARGV[3])
end
local given = string.format('%.0f', redis.call('INCR', KEYS[2])) .. ':' .. ARGV[1]
redis.call('SET', KEYS[1], given, 'PX', ARGV[2])
return {1, given, tonumber(ARGV[2])}
";

/// `KEYS`: lock. `ARGV`: what it must hold, ttl in ms.
const EXTEND: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
";

/// `KEYS`: lock. `ARGV`: what it must hold.
const FREE: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
";

/// The address is none of a Redis server. It is not shown: it may hold the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no address of a Redis server; write redis://[USER:PASSWORD@]HOST[:PORT][/NUMBER]")]
pub struct RedisUrlError;

/// Decides for all that use the same server and number.
pub struct RedisArbiter {
    client: Client,
    clock: Clock,
    patience: Duration,
    connection: Mutex<Option<MultiplexedConnection>>,
    scripts: Scripts,
}

#[derive(Clone, Copy)]
enum Call<'a> {
    Script(&'a ScriptInvocation<'a>),
    Ping,
}

struct Scripts {
    grant: Script,
    extend: Script,
    free: Script,
}

impl std::fmt::Debug for RedisArbiter {
    // The client's own form has the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisArbiter")
    }
}

impl RedisArbiter {
    /// Connects when it is first asked. Each call ends within `patience`, its second try included.
    ///
    /// # Errors
    /// The address is none.
    pub fn new(url: &SecretString, clock: Clock, patience: Duration) -> Result<Self, RedisUrlError> {
        let url = url.expose_secret();
        if !url.starts_with("redis://") {
            return Err(RedisUrlError);
        }
        let client = Client::open(url).map_err(|_| RedisUrlError)?;
        let scripts =
            Scripts { grant: Script::new(GRANT), extend: Script::new(EXTEND), free: Script::new(FREE) };
        Ok(Self { client, clock, patience, connection: Mutex::default(), scripts })
    }

    async fn call<T: FromRedisValue>(&self, call: Call<'_>) -> Result<T, LockError> {
        let answer = self.tries(call).await?;
        from_redis_value(answer)
            .map_err(|error| LockError::Unavailable { party: Party::Redis, cause: shown(&error.to_string()) })
    }

    /// Never longer than the patience, whatever the other side does.
    async fn tries(&self, call: Call<'_>) -> Result<Value, LockError> {
        let mut why = None;
        let tries = async {
            for _ in 0..TRIES {
                match self.once(call).await {
                    Ok(answer) => return Some(answer),
                    Err(error) => why = Some(error),
                }
            }
            None
        };
        let answer = self.clock.timeout(self.patience, tries).await;
        if answer.is_err()
            && let Ok(mut open) = self.connection.try_lock()
        {
            open.take();
        }
        match answer {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(_) => {
                let cause =
                    why.map_or_else(|| "no answer in time".to_owned(), |error| shown(&error.to_string()));
                Err(LockError::Unavailable { party: Party::Redis, cause })
            }
        }
    }

    async fn once(&self, call: Call<'_>) -> Result<Value, RedisError> {
        let mut connection = self.connection().await?;
        let answer = match call {
            Call::Script(script) => script.invoke_async(&mut connection).await,
            Call::Ping => ::redis::cmd("PING").query_async(&mut connection).await,
        };
        if answer.is_err() {
            // Whether what comes next belongs to this call is not known on a connection that failed.
            self.connection.lock().await.take();
        }
        answer
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut open = self.connection.lock().await;
        if let Some(open) = open.as_ref() {
            return Ok(open.clone());
        }
        let each = Some(self.patience / TRIES);
        let settings = AsyncConnectionConfig::new().set_connection_timeout(each).set_response_timeout(each);
        let new = self.client.get_multiplexed_async_connection_with_config(&settings).await?;
        Ok(open.insert(new).clone())
    }
}

/// Of one lock, in one slot of a cluster.
fn keys(name: &LockName) -> (String, String) {
    (format!("cutover:{{{name}}}:lock"), format!("cutover:{{{name}}}:fence"))
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn shown(error: &str) -> String {
    redact(error).chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

fn stored(grant: &Grant) -> String {
    format!("{}:{}", grant.fence, grant.holder)
}

#[async_trait]
impl Arbiter for RedisArbiter {
    async fn grant(&self, ask: Ask<'_>) -> Result<Grant, LockError> {
        let (lock, fence) = keys(ask.name);
        let mut script = self.scripts.grant.prepare_invoke();
        script.key(lock).key(fence).arg(ask.holder).arg(millis(ask.ttl)).arg(ask.above);
        let (given, held, left): (u8, String, i64) = self.call(Call::Script(&script)).await?;
        let nonsense = |cause: &str| LockError::Unavailable { party: Party::Redis, cause: cause.to_owned() };
        let (fence, holder) =
            held.split_once(':').ok_or_else(|| nonsense("its key holds what no daemon wrote"))?;
        if given != 1 {
            let until = (left >= 0).then(|| self.clock.now().saturating_add(left));
            return Err(LockError::Busy { holder: holder.to_owned(), until });
        }
        let fence = fence.parse().map_err(|_| nonsense("its fence is no number"))?;
        let grant = Grant { fence, holder: ask.holder.to_owned() };
        if fence <= ask.above || fence > MAX_FENCE {
            self.free(ask.name, &grant).await?;
            return Err(nonsense("its fence is out of range"));
        }
        Ok(grant)
    }

    async fn extend(&self, name: &LockName, grant: &Grant, ttl: Duration) -> Result<(), LockError> {
        let mut script = self.scripts.extend.prepare_invoke();
        script.key(keys(name).0).arg(stored(grant)).arg(millis(ttl));
        let kept: u8 = self.call(Call::Script(&script)).await?;
        if kept == 1 { Ok(()) } else { Err(LockError::Lost) }
    }

    async fn free(&self, name: &LockName, grant: &Grant) -> Result<(), LockError> {
        let mut script = self.scripts.free.prepare_invoke();
        script.key(keys(name).0).arg(stored(grant));
        let _: u8 = self.call(Call::Script(&script)).await?;
        Ok(())
    }

    async fn ping(&self) -> Result<(), LockError> {
        let _: String = self.call(Call::Ping).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
