package io.vela.proxy.guess;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Ticker;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * Lets guesses of each origin be verified at a {@link GuessLimit}, in order of arrival. Who is
 * right and who is wrong cannot be told before: so nobody's guess is verified before it has a
 * place, one that was right gives its place to the next at once, and one that was wrong keeps it
 * for a while, whether the guesser is still there or not. Whoever is right therefore waits for
 * those ahead of him only, and the limit bounds how long.
 *
 * <p>Memory is bounded: of the origins those are forgotten that have not been seen for the longest.
 * Safe for use from any thread.
 *
 * @param <K> an origin
 */
public final class GuessLimiter<K> {
  private static final Duration MEMORY = Duration.ofMinutes(10);

  private final GuessLimit limit;
  private final DelayedAction alarm;
  private final Cache<K, Gate> gates;

  /**
   * @param origins how many are remembered
   * @param ticker what the memory goes by
   * @param alarm what wrong guesses' places go by
   */
  public GuessLimiter(GuessLimit limit, int origins, Ticker ticker, DelayedAction alarm) {
    this.limit = limit;
    this.alarm = alarm;
    this.gates =
        Caffeine.newBuilder()
            .maximumSize(origins)
            .expireAfterAccess(MEMORY)
            .ticker(ticker)
            .executor(Runnable::run)
            .build();
  }

  /**
   * Asks for a place.
   *
   * @return completes, on any thread, when the guess may be verified; whoever no longer wants to
   *     cancels it. Empty when too many wait.
   */
  public Optional<CompletableFuture<Permit>> enter(K origin) {
    return gates.get(origin, _ -> new Gate()).enter();
  }

  /** A place that a guess has. It must be told what became of the guess, once. */
  public final class Permit {
    private final Gate gate;

    private Permit(Gate gate) {
      this.gate = gate;
    }

    /** The guess was right, or is not verified: the place is free for the next. */
    public void giveBack() {
      gate.leave();
    }

    /** The guess was wrong: it keeps the place for the penalty. */
    public Penalty wrong() {
      var penalty = gate.wrong();
      if (penalty.time().isZero()) {
        gate.leave();
      } else {
        alarm.after(penalty.time(), gate::leave);
      }
      return penalty;
    }
  }

  /**
   * What a wrong guess has brought.
   *
   * @param wrong how many of its origin were so far
   * @param time for how long it keeps its place
   */
  public record Penalty(int wrong, Duration time) {}

  /** Of one origin. */
  private final class Gate {
    private final Deque<CompletableFuture<Permit>> queue = new ArrayDeque<>();
    private int taken;
    private int wrong;

    synchronized Optional<CompletableFuture<Permit>> enter() {
      if (taken < limit.places()) {
        taken++;
        return Optional.of(CompletableFuture.completedFuture(new Permit(this)));
      }
      if (queue.size() >= limit.queue()) {
        queue.removeIf(CompletableFuture::isDone);
      }
      if (queue.size() >= limit.queue()) {
        return Optional.empty();
      }
      var turn = new CompletableFuture<Permit>();
      queue.addLast(turn);
      return Optional.of(turn);
    }

    synchronized Penalty wrong() {
      wrong++;
      return new Penalty(wrong, limit.penalty(wrong));
    }

    /** The place goes to the first who still wants it. */
    void leave() {
      for (var next = next(); next.isPresent(); next = next()) {
        if (next.get().complete(new Permit(this))) {
          return;
        }
      }
    }

    private synchronized Optional<CompletableFuture<Permit>> next() {
      var next = Optional.ofNullable(queue.pollFirst());
      if (next.isEmpty()) {
        taken--;
      }
      return next;
    }
  }
}
