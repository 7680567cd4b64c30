package io.vela.proxy.auth;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import io.vela.proxy.guess.DelayedAction;
import io.vela.proxy.guess.GuessLimit;
import io.vela.proxy.guess.GuessLimiter;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Bounds how many guesses at secrets are verified in a time, and keeps nobody out who is right: he
 * waits for the guesses ahead of his own, for ten seconds at most, and never for a penalty of his
 * own.
 *
 * <p>Two bounds hold at once. One is for an account (role and branch) from one network. The other
 * is for a network whatever the account, against those who try one password on many: it allows
 * more, as many people may share an address, it counts no account for more than its free failures,
 * so that a flood on one branch does not slow the others, and it spares accounts that got in from
 * there lately.
 *
 * <p>Nothing here waits. Memory is bounded; failures are forgotten after a while. Safe for use from
 * any thread.
 */
public final class GuessThrottle {
  /** In the long run 480 a minute; the queue takes ten seconds at that pace. */
  private static final GuessLimit ACCOUNT =
      new GuessLimit(5, Duration.ofMillis(100), Duration.ofSeconds(4), 32, 80);

  /** In the long run 480 a minute. */
  private static final GuessLimit NETWORK =
      new GuessLimit(50, Duration.ofMillis(50), Duration.ofSeconds(1), 8, 80);

  private static final Duration MEMORY = Duration.ofMinutes(10);
  private static final int MOST_ACCOUNTS = 100_000;
  private static final int MOST_NETWORKS = 50_000;

  /** One less than {@code NAMEDATALEN}: more bytes of a name make no difference to Postgres. */
  private static final int NAME_BYTES = 63;

  /** More than a branch's name, a database and the sign between them have. */
  private static final int MOST_OF_TARGET = 200;

  private final GuessLimiter<Attempt> accounts;
  private final GuessLimiter<String> networks;
  private final Cache<Attempt, Boolean> welcome;

  /** On the system's monotonic clock. */
  public GuessThrottle() {
    this(Ticker.systemTicker(), DelayedAction.SYSTEM);
  }

  /**
   * @param ticker nanoseconds
   */
  GuessThrottle(Ticker ticker, DelayedAction alarm) {
    this.accounts = new GuessLimiter<>(ACCOUNT, MOST_ACCOUNTS, ticker, alarm);
    this.networks = new GuessLimiter<>(NETWORK, MOST_NETWORKS, ticker, alarm);
    this.welcome =
        Caffeine.newBuilder()
            .maximumSize(MOST_ACCOUNTS)
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
      var target = branch.length() > MOST_OF_TARGET ? branch.substring(0, MOST_OF_TARGET) : branch;
      // No name has a zero byte, so one account has one key.
      return new Attempt(ip.map(Attempt::network).orElse(""), truncated(user) + "\0" + target);
    }

    /** As much of a role's name as Postgres looks at; what a cut leaves of a character counts. */
    private static String truncated(String user) {
      var bytes = user.getBytes(StandardCharsets.UTF_8);
      return bytes.length <= NAME_BYTES
          ? user
          : new String(bytes, 0, NAME_BYTES, StandardCharsets.UTF_8);
    }

    private static String network(InetAddress ip) {
      var bytes = ip.getAddress();
      return HexFormat.of().formatHex(bytes.length > 4 ? Arrays.copyOf(bytes, 8) : bytes);
    }
  }

  /** What becomes of an attempt. */
  public sealed interface Verdict {
    /** It may be verified now. */
    record MayTry(Permit turn) implements Verdict {}

    /** It is not verified: too many wait. */
    record Refused() implements Verdict {}
  }

  /** The turn of an attempt, which must be told what became of it, once. */
  public final class Permit {
    private final Attempt attempt;
    private final GuessLimiter<Attempt>.Permit account;
    private final Optional<GuessLimiter<String>.Permit> network;

    private Permit(
        Attempt attempt,
        GuessLimiter<Attempt>.Permit account,
        Optional<GuessLimiter<String>.Permit> network) {
      this.attempt = attempt;
      this.account = account;
      this.network = network;
    }

    /** It was right: the answer may be given at once. */
    public void right() {
      welcome.put(attempt, true);
      giveBack();
    }

    /**
     * It was wrong.
     *
     * @return how long the answer is to be held back
     */
    public Duration wrong() {
      var penalty = account.wrong();
      if (penalty.wrong() > ACCOUNT.free()) {
        network.ifPresent(GuessLimiter.Permit::giveBack);
        return penalty.time();
      }
      var wider = network.map(turn -> turn.wrong().time()).orElse(Duration.ZERO);
      return wider.compareTo(penalty.time()) > 0 ? wider : penalty.time();
    }

    /** It was not verified. */
    public void giveBack() {
      account.giveBack();
      network.ifPresent(GuessLimiter.Permit::giveBack);
    }
  }

  /**
   * To be asked before a guess is verified or acted upon.
   *
   * @return completes on any thread; to be cancelled by who no longer wants an answer
   */
  public CompletableFuture<Verdict> admit(Attempt attempt) {
    var verdict = new CompletableFuture<Verdict>();
    var place = accounts.enter(attempt);
    if (place.isEmpty()) {
      verdict.complete(new Verdict.Refused());
      return verdict;
    }
    cancelWith(verdict, place.get());
    var _ = place.get().thenAccept(turn -> admit(attempt, turn, verdict));
    return verdict;
  }

  private void admit(
      Attempt attempt, GuessLimiter<Attempt>.Permit account, CompletableFuture<Verdict> verdict) {
    if (welcome.getIfPresent(attempt) != null) {
      grant(new Permit(attempt, account, Optional.empty()), verdict);
      return;
    }
    var place = networks.enter(attempt.network());
    if (place.isEmpty()) {
      account.giveBack();
      verdict.complete(new Verdict.Refused());
      return;
    }
    var _ =
        place
            .get()
            .whenComplete(
                (network, _) -> {
                  if (network == null) {
                    account.giveBack();
                  } else {
                    grant(new Permit(attempt, account, Optional.of(network)), verdict);
                  }
                });
    cancelWith(verdict, place.get());
  }

  private static void grant(Permit turn, CompletableFuture<Verdict> verdict) {
    if (!verdict.complete(new Verdict.MayTry(turn))) {
      turn.giveBack();
    }
  }

  /** Whoever has left gives up his place in the queue. */
  private static void cancelWith(CompletableFuture<Verdict> verdict, CompletableFuture<?> place) {
    var _ = verdict.whenComplete((_, _) -> place.cancel(false));
  }
}
