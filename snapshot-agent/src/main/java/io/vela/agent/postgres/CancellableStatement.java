package io.vela.agent.postgres;

import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * SQL that an interrupt of the calling thread cancels: a read of a socket cannot be interrupted, so
 * another thread waits for the server.
 */
final class CancellableStatement {
  /** A request to cancel that arrives before the statement has begun is lost, so it is repeated. */
  private static final Duration BETWEEN_CANCELS = Duration.ofMillis(200);

  /** How long the server may take to act on it: then the session is closed under it. */
  private static final int MOST_CANCELS = 50;

  private CancellableStatement() {}

  static void run(Statement statement, String sql) throws SQLException, InterruptedException {
    var work = new FutureTask<>(() -> statement.execute(sql));
    // A platform thread: a blocking read of a Unix socket holds a virtual thread's carrier.
    Thread.ofPlatform().daemon().name("script").start(work);
    try {
      work.get();
    } catch (InterruptedException e) {
      cancel(statement, work, e);
      throw e;
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case SQLException failure -> throw failure;
        case RuntimeException failure -> throw failure;
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }

  private static void cancel(
      Statement statement, FutureTask<Boolean> work, InterruptedException interrupt) {
    for (int left = MOST_CANCELS; left > 0; left--) {
      try {
        statement.cancel();
        work.get(BETWEEN_CANCELS.toMillis(), TimeUnit.MILLISECONDS);
        return;
      } catch (ExecutionException e) {
        // It has ended, as a rule because it was cancelled.
        return;
      } catch (TimeoutException e) {
        // Asked again.
      } catch (SQLException | InterruptedException e) {
        interrupt.addSuppressed(e);
      }
    }
    try {
      statement.getConnection().abort(Runnable::run);
    } catch (SQLException e) {
      interrupt.addSuppressed(e);
    }
  }
}
