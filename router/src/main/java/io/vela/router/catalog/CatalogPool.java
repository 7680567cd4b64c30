package io.vela.router.catalog;

import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgBuilder;
import io.vertx.pgclient.PgConnectOptions;
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
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Connections to the catalogue for blocking callers, and whether it can be reached. */
final class CatalogPool implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(CatalogPool.class);
  private static final Duration PATIENCE = Duration.ofSeconds(10);
  private static final Duration BETWEEN_PROBES = Duration.ofSeconds(5);

  private final Vertx vertx;
  private final Pool pool;
  private final long probe;
  private final Set<Future<?>> underway = ConcurrentHashMap.newKeySet();
  private volatile boolean up;

  CatalogPool(Vertx vertx, PgConnectOptions options) {
    this.vertx = vertx;
    this.pool =
        PgBuilder.pool()
            .with(new PoolOptions().setMaxSize(8).setConnectionTimeout(5))
            .connectingTo(options)
            .using(vertx)
            .build();
    this.probe =
        vertx.setPeriodic(
            BETWEEN_PROBES.toMillis(),
            _ -> {
              var _ =
                  pool.query("select 1").execute().onComplete(answer -> sawUp(answer.succeeded()));
            });
  }

  /** Why a statement did not succeed, for callers that expect some reasons. */
  static final class StatementFailed extends Exception {
    private static final long serialVersionUID = 1L;
    private final String sqlState;

    StatementFailed(PgException cause) {
      super(cause.getMessage(), cause);
      this.sqlState = Optional.ofNullable(cause.getSqlState()).orElse("");
    }

    String sqlState() {
      return sqlState;
    }

    RouteException asUnavailable() {
      return unavailable(String.valueOf(getMessage()), this);
    }
  }

  boolean isUp() {
    return up;
  }

  /** Runs a statement of which no failure but an unreachable catalogue is expected. */
  RowSet<Row> run(String sql, @Nullable Object... values) throws RouteException {
    try {
      return tryRun(sql, values);
    } catch (StatementFailed e) {
      throw e.asUnavailable();
    }
  }

  RowSet<Row> tryRun(String sql, @Nullable Object... values)
      throws RouteException, StatementFailed {
    return await(send(sql, values));
  }

  /** Sends a statement without waiting for its end. */
  Future<RowSet<Row>> send(String sql, @Nullable Object... values) {
    var sent = pool.preparedQuery(sql).execute(Tuple.wrap(values));
    underway.add(sent);
    return sent.onComplete(_ -> underway.remove(sent));
  }

  <T> T transaction(Function<SqlConnection, Future<T>> work) throws RouteException {
    try {
      return await(pool.withTransaction(work));
    } catch (StatementFailed e) {
      throw e.asUnavailable();
    }
  }

  private <T> T await(Future<T> future) throws RouteException, StatementFailed {
    try {
      var result =
          future
              .toCompletionStage()
              .toCompletableFuture()
              .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      sawUp(true);
      return result;
    } catch (ExecutionException e) {
      // Classes 08, 53 and 57: the server is there but does not serve.
      if (e.getCause() instanceof PgException refused
          && !String.valueOf(refused.getSqlState()).matches("(08|53|57).*")) {
        sawUp(true);
        throw new StatementFailed(refused);
      }
      sawUp(false);
      throw unavailable(String.valueOf(e.getCause()), e);
    } catch (TimeoutException e) {
      sawUp(false);
      throw unavailable("no answer within " + PATIENCE.toSeconds() + " s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unavailable("interrupted", e);
    }
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
    vertx.cancelTimer(probe);
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
