package io.vela.proxy.auth;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Slows those who guess secrets: after some failures every further answer comes later than the one
 * before, whether the guess was right or not, and however many connections guess at the same time.
 *
 * <p>Two rules hold at once. One is for an account (role and branch) from one network: it begins
 * soon and grows long. The other is for a network whatever the account, against those who try one
 * password on many: it allows more, as many people may share an address, it counts no account for
 * more than its free failures, so that a flood on one branch does not slow the others, and it
 * spares accounts that got in from there lately. Success clears the account's failures.
 *
 * <p>Nothing here waits. Memory is bounded; failures are forgotten after a while. Safe for use from
 * any thread.
 */
public final class GuessThrottle {
  private static final Rule ACCOUNT = new Rule(5, Duration.ofMillis(100), Duration.ofSeconds(4));
  private static final Rule NETWORK = new Rule(50, Duration.ofMillis(50), Duration.ofSeconds(1));

  /** No answer is held back longer; it must stay below any sane authentication timeout. */
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);

  private static final Duration MEMORY = Duration.ofMinutes(10);
  private static final int MOST_ACCOUNTS = 100_000;
  private static final int MOST_NETWORKS = 50_000;

  /** {@code NAMEDATALEN}: more of a name makes no difference to Postgres. */
  private static final int NAME_LENGTH = 64;

  private final Ticker ticker;
  private final Cache<Attempt, Pace> accounts;
  private final Cache<String, Pace> networks;
  private final Cache<Attempt, Boolean> welcome;

  /** On the system's clock. */
  public GuessThrottle() {
    this(Ticker.systemTicker());
  }

  /**
   * @param ticker nanoseconds
   */
  GuessThrottle(Ticker ticker) {
    this.ticker = ticker;
    this.accounts = cache(MOST_ACCOUNTS, ticker);
    this.networks = cache(MOST_NETWORKS, ticker);
    this.welcome = cache(MOST_ACCOUNTS, ticker);
  }

  private static <K, V> Cache<K, V> cache(int size, Ticker ticker) {
    return Caffeine.newBuilder()
        .maximumSize(size)
        .expireAfterWrite(MEMORY)
        .ticker(ticker)
        .executor(Runnable::run)
        .build();
  }

  /**
   * One attempt's origin and aim.
   *
   * @param network an IPv4 address, or the /64 of an IPv6 address, which one client has as a whole
   * @param account role and branch, or the token
   */
  public record Attempt(String network, String account) {
    /**
     * @param ip empty when the client has none
     * @param user as the client gave it
     * @param branch as the client gave it
     */
    public static Attempt of(Optional<InetAddress> ip, String user, String branch) {
      var name = user.length() > NAME_LENGTH ? user.substring(0, NAME_LENGTH) : user;
      return new Attempt(ip.map(Attempt::network).orElse(""), name + " " + branch);
    }

    private static String network(InetAddress ip) {
      var bytes = ip.getAddress();
      return HexFormat.of().formatHex(bytes.length > 4 ? Arrays.copyOf(bytes, 8) : bytes);
    }
  }

  /** When an attempt may have its answer. */
  public sealed interface Verdict {
    /** At once. */
    record Now() implements Verdict {}

    /** After that time. */
    record After(Duration time) implements Verdict {}

    /** Never: too many wait already. */
    record Refused() implements Verdict {}
  }

  /**
   * @param free how many failures cost nothing
   * @param first the delay after those
   * @param most what it doubles up to
   */
  private record Rule(int free, Duration first, Duration most) {
    long delayNanos(int failures) {
      int beyond = failures - free;
      return beyond < 0 ? 0 : Math.min(first.toNanos() << Math.min(beyond, 20), most.toNanos());
    }
  }

  /**
   * @param failures counted so far
   * @param taken until when answers are given out, in the ticker's nanoseconds
   */
  private record Pace(int failures, long taken) {}

  /** Takes a place in the queue of answers. To be asked before each answer to a guess. */
  public Verdict admit(Attempt attempt) {
    var now = ticker.read();
    var account = reserve(accounts, attempt, ACCOUNT, now);
    var network =
        welcome.getIfPresent(attempt) != null
            ? 0
            : reserve(networks, attempt.network(), NETWORK, now);
    if (account < 0 || network < 0) {
      return new Verdict.Refused();
    }
    long wait = Math.max(account, network);
    return wait == 0 ? new Verdict.Now() : new Verdict.After(Duration.ofNanos(wait));
  }

  /** Returns the time to wait in nanoseconds; negative when there is no place. */
  private static <K> long reserve(Cache<K, Pace> paces, K key, Rule rule, long now) {
    var known = paces.getIfPresent(key);
    if (known == null || rule.delayNanos(known.failures()) == 0) {
      return 0;
    }
    var wait = new AtomicReference<>(0L);
    paces
        .asMap()
        .computeIfPresent(
            key,
            (_, pace) -> {
              var taken = Math.max(now, pace.taken()) + rule.delayNanos(pace.failures());
              if (taken - now > LONGEST_WAIT.toNanos()) {
                wait.set(-1L);
                return pace;
              }
              wait.set(taken - now);
              return new Pace(pace.failures(), taken);
            });
    return wait.get();
  }

  /** A guess was wrong. */
  public void failed(Attempt attempt) {
    var now = ticker.read();
    var pace = fail(accounts, attempt, now);
    if (pace.failures() <= ACCOUNT.free()) {
      fail(networks, attempt.network(), now);
    }
  }

  private static <K> Pace fail(Cache<K, Pace> paces, K key, long now) {
    return paces
        .asMap()
        .merge(key, new Pace(1, now), (pace, _) -> new Pace(pace.failures() + 1, pace.taken()));
  }

  /** It was right, and the client has been told so. */
  public void succeeded(Attempt attempt) {
    accounts.invalidate(attempt);
    welcome.put(attempt, true);
  }
}
