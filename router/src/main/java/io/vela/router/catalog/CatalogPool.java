package io.vela.router.catalog;

import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgBuilder;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.pgclient.PgConnection;
import io.vertx.pgclient.PgException;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.PoolOptions;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.SqlConnection;
import io.vertx.sqlclient.Tuple;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Connections to the catalogue for blocking callers, and whether it can be reached.
 *
 * <p>A statement whose answer is lost, with its connection or because none came in time, may or may
 * not have been carried out, and may still be. So before the next write the backends of such
 * statements are ended ({@link LostStatements}); from then on what is read is what there is. Writes
 * are then sent again until they are answered, for a bounded time: each must be such that twice is
 * as once, and that the second answer is as true as the first would have been.
 */
final class CatalogPool implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(CatalogPool.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration BETWEEN_PROBES = Duration.ofSeconds(2);
  private static final Duration SHORTEST_PAUSE = Duration.ofMillis(20);
  private static final Duration LONGEST_PAUSE = Duration.ofMillis(500);

  private final Vertx vertx;
  private final Pool pool;
  private final LostStatements lostStatements;
  private final long timer;
  private final Set<Future<?>> underway = ConcurrentHashMap.newKeySet();
  private Future<?> probe = Future.succeededFuture();
  private volatile boolean up;

  CatalogPool(Vertx vertx, PgConnectOptions given) {
    this.vertx = vertx;
    this.lostStatements = new LostStatements(vertx, given);
    this.pool =
        PgBuilder.pool()
            .with(new PoolOptions().setMaxSize(8).setConnectionTimeout(5))
            .connectingTo(lostStatements.named(given))
            .using(vertx)
            .build();
    this.timer = vertx.setPeriodic(BETWEEN_PROBES.toMillis(), _ -> probe());
  }

  /** A probe that is not answered by the next is an answer too. On an event loop. */
  private void probe() {
    if (!probe.isComplete()) {
      sawUp(false);
      return;
    }
    probe =
        pool.query("select 1").execute().onComplete(answer -> sawUp(answer.succeeded())).mapEmpty();
  }

  /** Why a statement did not succeed, for callers that expect some reasons. */
  static final class StatementFailed extends Exception {
    private static final long serialVersionUID = 1L;
    private final String sqlState;

    StatementFailed(PgException cause) {
      super(cause.getMessage(), cause);
      this.sqlState = state(cause);
    }

    String sqlState() {
      return sqlState;
    }

    RouteException asUnavailable() {
      return unavailable(String.valueOf(getMessage()), this);
    }
  }

  /** No answer came. */
  private static final class Unanswered extends Exception {
    private static final long serialVersionUID = 1L;

    /** Whether the statement may have been carried out all the same. */
    private final boolean sent;

    Unanswered(String what, boolean sent, @Nullable Throwable cause) {
      super(what, cause);
      this.sent = sent;
    }
  }

  /**
   * What was answered.
   *
   * @param repeated whether the statement had been sent before, and may have been carried out then
   */
  record Answer(RowSet<Row> rows, boolean repeated) {}

  private static String state(PgException e) {
    return Optional.ofNullable(e.getSqlState()).orElse("");
  }

  boolean isUp() {
    return up;
  }

  /** Reads. */
  RowSet<Row> read(String sql, @Nullable Object... values) throws RouteException {
    try {
      return untilAnswered(false, sql, values).rows();
    } catch (StatementFailed e) {
      throw e.asUnavailable();
    }
  }

  /** Writes something of which no failure but an unreachable catalogue is expected. */
  Answer write(String sql, @Nullable Object... values) throws RouteException {
    try {
      return tryWrite(sql, values);
    } catch (StatementFailed e) {
      throw e.asUnavailable();
    }
  }

  Answer tryWrite(String sql, @Nullable Object... values) throws RouteException, StatementFailed {
    return untilAnswered(true, sql, values);
  }

  /** Waits until no statement whose answer was lost can be carried out any more. */
  void settle() throws RouteException {
    try {
      lostStatements.end(System.nanoTime() + PATIENCE.toNanos(), true);
    } catch (LostStatements.NotEnded e) {
      throw unavailable(String.valueOf(e.getMessage()), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unavailable("interrupted", e);
    }
  }

  private Answer untilAnswered(boolean writes, String sql, @Nullable Object... values)
      throws RouteException, StatementFailed {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    boolean wasUp = up;
    boolean sent = false;
    var pause = SHORTEST_PAUSE;
    while (true) {
      try {
        if (writes) {
          lostStatements.end(deadline, wasUp);
        }
        return new Answer(once(sql, values, deadline), sent);
      } catch (Unanswered e) {
        sent |= e.sent;
        // Who found it down is told at once.
        boolean again = (wasUp || sent) && System.nanoTime() + pause.toNanos() < deadline;
        if (!again) {
          throw unavailable(String.valueOf(e.getMessage()), e);
        }
        log.info("catalogue asked again may-have-been-done={} cause=\"{}\"", sent, e.getMessage());
      } catch (LostStatements.NotEnded e) {
        throw unavailable(String.valueOf(e.getMessage()), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw unavailable("interrupted", e);
      }
      pause(pause);
      pause =
          pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0
              ? pause.multipliedBy(2)
              : LONGEST_PAUSE;
    }
  }

  private static void pause(Duration time) throws RouteException {
    try {
      Thread.sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unavailable("interrupted", e);
    }
  }

  private RowSet<Row> once(String sql, @Nullable Object[] values, long deadline)
      throws Unanswered, StatementFailed, InterruptedException {
    var statement = new Sending(sql, values);
    try {
      var rows =
          statement
              .answer
              .toCompletionStage()
              .toCompletableFuture()
              .get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      sawUp(true);
      return rows;
    } catch (ExecutionException e) {
      var cause = e.getCause() == null ? e : e.getCause();
      if (cause instanceof PgException refused && !isLost(refused)) {
        // Class 53: the server is there but does not serve.
        sawUp(!state(refused).startsWith("53"));
        throw new StatementFailed(refused);
      }
      sawUp(false);
      throw new Unanswered(String.valueOf(cause.getMessage()), statement.abandon(), e);
    } catch (TimeoutException e) {
      sawUp(false);
      throw new Unanswered(
          "no answer within " + PATIENCE.toSeconds() + " s", statement.abandon(), e);
    } catch (InterruptedException e) {
      statement.abandon();
      throw e;
    }
  }

  /**
   * Whether a failure ends the connection, and with it what would have been said of the statement:
   * connection exceptions and operator interventions (Postgres documentation, app. A), but for a
   * statement that was cancelled, which says that nothing was done.
   */
  private static boolean isLost(PgException e) {
    return state(e).startsWith("08") || state(e).startsWith("57P");
  }

  /** One statement on its way. */
  final class Sending {
    private static final int WAITING = 0;
    private static final int GIVEN_UP = -1;

    /** Or the process id of the backend that has it. */
    private final AtomicInteger stage = new AtomicInteger(WAITING);

    private final Future<RowSet<Row>> answer;

    private Sending(String sql, @Nullable Object[] values) {
      answer = pool.getConnection().compose(connection -> send(connection, sql, values));
      underway.add(answer);
      var _ = answer.onComplete(_ -> underway.remove(answer));
    }

    private Future<RowSet<Row>> send(
        SqlConnection connection, String sql, @Nullable Object[] values) {
      int backend = Math.max(1, PgConnection.cast(connection).processId());
      if (!stage.compareAndSet(WAITING, backend)) {
        var _ = connection.close();
        return Future.failedFuture("it was given up before it was sent");
      }
      return connection
          .preparedQuery(sql)
          .execute(Tuple.wrap(values))
          .onComplete(_ -> connection.close());
    }

    Future<RowSet<Row>> answer() {
      return answer;
    }

    /**
     * Nobody waits for its answer any more.
     *
     * @return whether it may have been carried out, or will be, until its backend has been ended
     */
    boolean abandon() {
      if (stage.compareAndSet(WAITING, GIVEN_UP)) {
        return false;
      }
      lostStatements.add(stage.get(), answer);
      return true;
    }
  }

  /** Sends a statement without waiting for its end. */
  Sending send(String sql, @Nullable Object... values) {
    return new Sending(sql, values);
  }

  private void sawUp(boolean now) {
    if (now != up) {
      up = now;
      log.atLevel(now ? org.slf4j.event.Level.INFO : org.slf4j.event.Level.WARN)
          .log("catalogue reachable={}", now);
    }
  }

  private void drain() {
    var left = List.copyOf(underway);
    try {
      Future.join(left)
          .toCompletionStage()
          .toCompletableFuture()
          .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      // Who sent it was told, and says so.
      log.debug("a statement failed while closing", e);
    } catch (TimeoutException e) {
      log.warn("catalogue closed over unfinished statements count={}", underway.size());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static RouteException unavailable(String detail, Throwable cause) {
    return new RouteException(new RouteFailure.CatalogUnavailable(detail), cause);
  }

  /** Waits for what was sent, then closes; both for a bounded time. */
  @Override
  public void close() {
    vertx.cancelTimer(timer);
    drain();
    try {
      pool.close()
          .toCompletionStage()
          .toCompletableFuture()
          .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException e) {
      log.warn("catalogue connections not closed cause=\"{}\"", e.toString());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
