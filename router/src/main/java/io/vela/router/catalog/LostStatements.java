package io.vela.router.catalog;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.PgConnection;
import io.vertx.pgclient.PgException;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Statements whose answers were lost. A server that was stopped, or waits for a lock, still has the
 * statement and may carry it out whenever it goes on, though nobody waits for it any more and
 * whoever looked meanwhile saw nothing of it. Ending its backend settles that: afterwards it has
 * been carried out or never will be. Safe for use from any thread.
 */
final class LostStatements {
  private static final Logger log = LoggerFactory.getLogger(LostStatements.class);
  private static final Duration LOOK_AGAIN = Duration.ofMillis(20);

  private final Vertx vertx;
  private final PgConnectOptions options;

  /** By it this pool's backends are told from all others, whose ids may be theirs of before. */
  private final String applicationName =
      "vela " + HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextLong());

  private final Set<Lost> lostStatements = ConcurrentHashMap.newKeySet();

  private record Lost(int backend, Future<?> answer) {}

  /** Some backend could not be ended in time, or nobody could be asked to. */
  static final class NotEnded extends Exception {
    private static final long serialVersionUID = 1L;

    NotEnded(String why, Throwable cause) {
      super(why, cause);
    }
  }

  LostStatements(Vertx vertx, PgConnectOptions options) {
    this.vertx = vertx;
    this.options = named(options);
  }

  /** The options of connections whose backends this can end. */
  PgConnectOptions named(PgConnectOptions given) {
    return new PgConnectOptions(given).addProperty("application_name", applicationName);
  }

  /** A statement that a backend has and whose answer nobody waits for. */
  void add(int backend, Future<?> answer) {
    var lost = new Lost(backend, answer);
    lostStatements.add(lost);
    // An answer that comes late settles it as well.
    var _ =
        answer.onComplete(
            how -> {
              if (how.succeeded() || isAnswer(how.cause())) {
                lostStatements.remove(lost);
              }
            });
  }

  private static boolean isAnswer(Throwable failure) {
    return failure instanceof PgException refused
        && refused.getSqlState() != null
        && !refused.getSqlState().startsWith("57P")
        && !refused.getSqlState().startsWith("08");
  }

  /**
   * Ends the backends of all lostStatements and waits until they have ended. Nothing where there
   * are none, which is almost always.
   *
   * @param deadline by {@link System#nanoTime}
   * @param patient whether to go on until then where the server does not serve
   */
  void end(long deadline, boolean patient) throws NotEnded, InterruptedException {
    while (!lostStatements.isEmpty()) {
      var these = List.copyOf(lostStatements);
      try {
        if (get(living(these), deadline) == 0) {
          log.info("lost statements settled count={}", these.size());
          these.forEach(lostStatements::remove);
        } else {
          Thread.sleep(LOOK_AGAIN);
        }
      } catch (ExecutionException | TimeoutException e) {
        if (!patient || System.nanoTime() + LOOK_AGAIN.toNanos() >= deadline) {
          throw new NotEnded("what became of an earlier statement cannot be found out", e);
        }
        Thread.sleep(LOOK_AGAIN);
      }
    }
  }

  /** Tells them to end, over a connection of its own: those of the pool may all be waiting. */
  private Future<Integer> living(List<Lost> these) {
    var backends = these.stream().map(Lost::backend).toArray(Integer[]::new);
    return PgConnection.connect(vertx, options)
        .compose(
            connection ->
                connection
                    .preparedQuery(
                        "select pg_terminate_backend(pid) from pg_stat_activity"
                            + " where pid = any ($1) and application_name = $2"
                            + " and pid <> pg_backend_pid()")
                    .execute(Tuple.of(backends, applicationName))
                    .map(rows -> rows.size())
                    .onComplete(_ -> connection.close()));
  }

  private static <T> T get(Future<T> future, long deadline)
      throws ExecutionException, TimeoutException, InterruptedException {
    return future
        .toCompletionStage()
        .toCompletableFuture()
        .get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
  }
}
