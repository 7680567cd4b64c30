package io.vela.proxy.session;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.vela.config.value.BranchName;
import io.vela.proxy.session.SessionState.Relaying;
import io.vela.router.SteadyClock;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Sessions that wait for a backend because their branch's Postgres has as many connections as it
 * may (53300). Who has waited longest gets the next place, and for each that waits an idle session
 * of the branch gives up its own: the one that has been idle for longest. Where none is idle for
 * long, one that has had its backend for a while gives it up between two requests, so that any
 * number of clients share the backends there are. Safe for use from any thread.
 */
public final class BackendQueue {
  /** A session that is idle for as long is not in the midst of something. */
  private static final long IDLE_MILLIS = 50;

  /** A session may keep its backend for as long, though it pauses between two requests. */
  private static final long SHARE_MILLIS = 100;

  private static final long LOOK_AGAIN_MILLIS = 10;

  /** A backend that Vela has closed may count for as long, until its process has ended. */
  private static final Duration LEAVING = Duration.ofSeconds(1);

  /** Meanwhile it is tried again at every so many looks whether there is a place. */
  private static final int TRY_AGAIN_EVERY = 5;

  private final Sessions sessions;
  private final ConcurrentMap<BranchName, Queue> queues = new ConcurrentHashMap<>();
  private final Cache<Left, Boolean> justLeft =
      Caffeine.newBuilder().expireAfterWrite(LEAVING).build();

  /** A session that has just given up a backend. */
  private record Left(BranchName branch, SessionRequest request) {}

  public BackendQueue(Sessions sessions) {
    this.sessions = sessions;
  }

  /** Which connections Postgres has counted. */
  enum Limit {
    SERVER,
    ROLE,
    DATABASE;

    /**
     * @param message of the error; of another language's any may be meant
     */
    static Limit of(String message) {
      if (message.contains("for role")) {
        return ROLE;
      }
      return message.contains("for database") ? DATABASE : SERVER;
    }

    boolean concerns(SessionRequest newcomer, SessionRequest other) {
      return switch (this) {
        case SERVER -> true;
        case ROLE -> newcomer.address().role().equals(other.address().role());
        case DATABASE -> newcomer.address().database().equals(other.address().database());
      };
    }
  }

  /**
   * One that waits.
   *
   * @param since when it began, in ns
   * @param turn completed when there may be a place; cancelled by who does not want it any more
   */
  private record Waiting(
      Session session,
      SessionRequest request,
      Limit limit,
      long since,
      CompletableFuture<Void> turn) {}

  /** Of one branch. */
  private final class Queue {
    private final BranchName branch;
    private final PriorityQueue<Waiting> waiting =
        new PriorityQueue<>(Comparator.comparingLong(Waiting::since));
    private int leaving;
    private int looks;
    private boolean looking;

    Queue(BranchName branch) {
      this.branch = branch;
    }

    synchronized void join(Waiting one) {
      waiting.add(one);
      if (!looking) {
        looking = true;
        one.session().onEventLoop(this::look);
      }
    }

    synchronized boolean isEmpty() {
      waiting.removeIf(one -> one.turn().isDone());
      return waiting.isEmpty();
    }

    void freed() {
      Waiting next;
      synchronized (this) {
        do {
          next = waiting.poll();
        } while (next != null && next.turn().isDone());
      }
      if (next != null) {
        next.turn().complete(null);
      }
    }

    private void look() {
      if (++looks % TRY_AGAIN_EVERY == 0 && anyLeft(branch, _ -> true)) {
        freed();
      }
      for (var victim : victims()) {
        var _ =
            victim
                .session()
                .parkAlone(victim.force())
                .whenComplete(
                    (_, _) -> {
                      synchronized (this) {
                        leaving--;
                      }
                    });
      }
      lookAgain();
    }

    private synchronized void lookAgain() {
      var next = waiting.peek();
      if (next == null) {
        looking = false;
      } else {
        var _ =
            next.session()
                .client()
                .channel()
                .eventLoop()
                .schedule(this::look, LOOK_AGAIN_MILLIS, MILLISECONDS);
      }
    }

    private record Victim(Session session, boolean force) {}

    private synchronized List<Victim> victims() {
      if (isEmpty()) {
        return List.of();
      }
      long now = SteadyClock.get().millis();
      var found =
          waiting.stream()
              .skip(leaving)
              .flatMap(one -> longestIdle(one, now))
              .distinct()
              .limit(Math.max(0, waiting.size() - leaving))
              .toList();
      leaving += found.size();
      return found;
    }

    /** Each of the sessions that one may replace, the best first. */
    private Stream<Victim> longestIdle(Waiting one, long now) {
      return sessions
          .relaying(branch)
          .filter(session -> session.parker().mayTry(now))
          .filter(session -> one.limit().concerns(one.request(), requestOf(session, one)))
          .filter(session -> isIdle(session, now) || hasHadItsShare(session, now))
          .sorted(Comparator.comparingLong(Session::quietSince))
          .map(session -> new Victim(session, !isIdle(session, now)));
    }

    private static SessionRequest requestOf(Session session, Waiting otherwise) {
      return session.state() instanceof Relaying relaying
          ? relaying.request()
          : otherwise.request();
    }

    private static boolean isIdle(Session session, long now) {
      long since = session.quietSince();
      return since >= 0 && now - since >= IDLE_MILLIS;
    }

    private static boolean hasHadItsShare(Session session, long now) {
      return session.quietSince() >= 0
          && session.state() instanceof Relaying relaying
          && now - relaying.relay().sinceMillis() >= SHARE_MILLIS;
    }
  }

  /** Whether somebody waits on the branch: then who comes waits too. */
  boolean isCrowded(BranchName branch) {
    var queue = queues.get(branch);
    return queue != null && !queue.isEmpty();
  }

  /** Whether there is a session whose place another could ever get: else waiting is in vain. */
  boolean mayHelp(BranchName branch, SessionRequest newcomer, Limit limit) {
    return anyLeft(branch, other -> limit.concerns(newcomer, other))
        || sessions.withPlace(branch).anyMatch(other -> limit.concerns(newcomer, other));
  }

  private boolean anyLeft(BranchName branch, Predicate<SessionRequest> which) {
    return justLeft.asMap().keySet().stream()
        .anyMatch(left -> left.branch().equals(branch) && which.test(left.request()));
  }

  /**
   * Waits for a place.
   *
   * @param since when the session began to, in ns
   * @return completes when there may be one; to be cancelled by who gives up
   */
  CompletableFuture<Void> join(
      BranchName branch, Session session, SessionRequest request, Limit limit, long since) {
    var turn = new CompletableFuture<Void>();
    queues
        .computeIfAbsent(branch, Queue::new)
        .join(new Waiting(session, request, limit, since, turn));
    return turn;
  }

  /** A session of the branch has given up its backend. */
  void freed(BranchName branch, SessionRequest by) {
    justLeft.put(new Left(branch, by), true);
    var queue = queues.get(branch);
    if (queue != null) {
      queue.freed();
    }
  }
}
