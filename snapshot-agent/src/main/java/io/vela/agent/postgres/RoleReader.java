package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.Role;
import io.vela.agent.exec.ServiceUser;
import io.vela.agent.file.UntrustedFolder;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads roles from one running instance as they are at the moment of asking.
 *
 * <p>All who ask while a query is under way are answered by the next one, so that a storm of
 * arrivals costs a few queries and nobody is told what was true before they asked. The session is
 * kept only while there is something to ask and a moment longer: it is one that others see, and it
 * must not be in the way of {@code DROP DATABASE}, which waits for five seconds.
 *
 * <p>Safe for use from any thread. The thread that asks blocks; the socket is read by a thread of
 * its own, a platform one, which ends with the session.
 */
public final class RoleReader implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(RoleReader.class);

  /** There while a clone may have other roles than those in its record. */
  private static final String UNSETTLED = "vela.roles-unsettled";

  private static final Duration KEPT = Duration.ofSeconds(1);
  private static final Duration TIMEOUT = Duration.ofSeconds(5);

  private final InstanceSql sql;
  private final List<String> databases;
  private final Object lock = new Object();
  private List<Question> waiting = new ArrayList<>();
  private boolean serving;
  private boolean closed;

  /**
   * @param databases those to try, in order
   */
  public RoleReader(InstanceSql sql, List<String> databases) {
    this.sql = sql;
    this.databases = databases;
  }

  private record Question(String name, CompletableFuture<Optional<Role>> answer) {}

  /** Whether the record of a volume has the roles that its data has. */
  public static boolean isSettled(Path volume) throws IOException {
    return new UntrustedFolder(volume).find(UNSETTLED).isEmpty();
  }

  /** The data may change from here on. */
  public static void unsettle(Path volume, ServiceUser user) throws IOException {
    try {
      new UntrustedFolder(volume).create(UNSETTLED, user.owner());
    } catch (FileAlreadyExistsException e) {
      log.debug("volume is unsettled already volume={}", volume, e);
    }
  }

  /** The record has been written anew. */
  public static void settle(Path volume) throws IOException {
    new UntrustedFolder(volume).delete(UNSETTLED);
  }

  /** Reads a role; empty when there is none of that name. Blocks, for a bounded time. */
  public Optional<Role> read(String name) throws CloneException {
    var question = new Question(name, new CompletableFuture<>());
    synchronized (lock) {
      waiting.add(question);
      if (serving) {
        lock.notifyAll();
      } else {
        serving = true;
        Thread.ofPlatform().daemon().name("roles").start(this::serve);
      }
    }
    try {
      return question.answer().join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof CloneException failure) {
        throw failure;
      }
      throw e;
    }
  }

  private void serve() {
    @Nullable Connection session = null;
    for (var batch = next(); !batch.isEmpty(); batch = next()) {
      session = answer(batch, session);
    }
    close(session);
  }

  /** Waits a moment for questions; when none comes, serving has ended. */
  private List<Question> next() {
    synchronized (lock) {
      var deadline = System.nanoTime() + KEPT.toNanos();
      try {
        for (var left = KEPT.toNanos();
            waiting.isEmpty() && !closed && left > 0;
            left = deadline - System.nanoTime()) {
          TimeUnit.NANOSECONDS.timedWait(lock, left);
        }
      } catch (InterruptedException e) {
        // Nobody interrupts it; what waits is answered all the same.
        Thread.currentThread().interrupt();
      }
      var batch = waiting;
      waiting = new ArrayList<>();
      serving = !batch.isEmpty();
      return batch;
    }
  }

  /** Returns the session for the next batch. */
  private @Nullable Connection answer(List<Question> batch, @Nullable Connection kept) {
    var session = kept;
    try {
      if (session == null) {
        session = sql.open(databases, TIMEOUT);
      }
      tell(batch, ask(session, batch));
      return session;
    } catch (SQLException e) {
      close(session);
      if (kept != null) {
        // It was ended meanwhile, as any administrator of the branch may do.
        return answer(batch, null);
      }
      fail(batch, InstanceSql.failed("of the roles", e));
    } catch (RuntimeException e) {
      close(session);
      fail(batch, e);
    }
    return null;
  }

  private static Map<String, Role> ask(Connection session, List<Question> batch)
      throws SQLException {
    return ContentsReader.roles(
        session, batch.stream().map(Question::name).collect(Collectors.toSet()));
  }

  private static void tell(List<Question> batch, Map<String, Role> roles) {
    for (var question : batch) {
      question.answer().complete(Optional.ofNullable(roles.get(question.name())));
    }
  }

  private static void fail(List<Question> batch, Exception cause) {
    batch.forEach(question -> question.answer().completeExceptionally(cause));
  }

  private static void close(@Nullable Connection session) {
    if (session != null) {
      try {
        session.close();
      } catch (SQLException e) {
        log.debug("session of the roles did not close", e);
      }
    }
  }

  /** Lets go of the session as soon as nobody waits for an answer. Returns at once. */
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      lock.notifyAll();
    }
  }
}
