package io.vela.admin;

import io.vela.agent.ImportProgress;
import io.vela.agent.Source;
import io.vela.config.value.BaselineName;
import io.vela.router.RouteException;
import io.vela.router.Router;
import io.vertx.core.json.JsonObject;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Work that outlives its request: imports, each on a virtual thread of its own. The last hundred
 * are remembered. Safe for use from any thread.
 */
final class Operations {
  private static final Logger log = LoggerFactory.getLogger(Operations.class);
  private static final int REMEMBERED = 100;

  private final Router router;
  private final Clock clock;
  private final SecureRandom random = new SecureRandom();
  private final Map<String, Operation> operations = new LinkedHashMap<>();

  Operations(Router router, Clock clock) {
    this.router = router;
    this.clock = clock;
  }

  /** Starts an import; a second one into the same baseline is refused while it runs. */
  synchronized Operation importBaseline(BaselineName name, Source source) throws ProblemException {
    for (var other : operations.values()) {
      if (other.baseline.equals(name) && other.isRunning()) {
        throw new ProblemException(
            new Problem(
                ProblemType.IN_USE,
                "an import into baseline \"" + name + "\" is running: operation " + other.id));
      }
    }
    var bytes = new byte[8];
    random.nextBytes(bytes);
    var operation = new Operation(HexFormat.of().formatHex(bytes), name, clock.instant());
    forgetOldest();
    operations.put(operation.id, operation);
    operation.worker =
        Thread.ofVirtual().name("import-" + name).start(() -> run(operation, source));
    return operation;
  }

  synchronized Operation get(String id) throws ProblemException {
    var operation = operations.get(id);
    if (operation == null) {
      throw new ProblemException(
          new Problem(ProblemType.NO_SUCH_OPERATION, "operation \"" + id + "\" does not exist"));
    }
    return operation;
  }

  /** Interrupts what still runs and waits for it, so that nothing half-made is left. */
  void cancelAll() throws InterruptedException {
    var all = snapshot();
    all.values().forEach(Operation::cancel);
    for (var operation : all.values()) {
      operation.await();
    }
  }

  private synchronized Map<String, Operation> snapshot() {
    return Map.copyOf(operations);
  }

  private void forgetOldest() {
    var iterator = operations.values().iterator();
    while (operations.size() >= REMEMBERED && iterator.hasNext()) {
      if (!iterator.next().isRunning()) {
        iterator.remove();
      }
    }
  }

  private void run(Operation operation, Source source) {
    try {
      router.importBaseline(operation.baseline, source, operation::progress);
      operation.end(State.SUCCEEDED, Optional.empty(), clock.instant());
    } catch (InterruptedException e) {
      operation.end(State.CANCELLED, Optional.empty(), clock.instant());
    } catch (RouteException e) {
      operation.end(State.FAILED, Optional.of(Problem.of(e.failure())), clock.instant());
    } catch (RuntimeException e) {
      log.error("import failed operation={} baseline={}", operation.id, operation.baseline, e);
      operation.end(
          State.FAILED,
          Optional.of(new Problem(ProblemType.INTERNAL, "the server's log says more")),
          clock.instant());
    }
    log.info(
        "import ended operation={} baseline={} state={}",
        operation.id,
        operation.baseline,
        operation.toJson().getString("state"));
  }

  /** How an operation stands. */
  enum State {
    RUNNING,
    SUCCEEDED,
    FAILED,
    CANCELLED;

    String text() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  /** One import. */
  static final class Operation {
    private final String id;
    private final BaselineName baseline;
    private final Instant startedAt;
    private State state = State.RUNNING;
    private ImportProgress progress = new ImportProgress("starting", 0, 0);
    private Optional<Problem> error = Optional.empty();
    private Optional<Instant> finishedAt = Optional.empty();
    private @Nullable Thread worker;

    private Operation(String id, BaselineName baseline, Instant startedAt) {
      this.id = id;
      this.baseline = baseline;
      this.startedAt = startedAt;
    }

    private synchronized boolean isRunning() {
      return state == State.RUNNING;
    }

    private synchronized void progress(ImportProgress now) {
      progress = now;
    }

    private synchronized void end(State how, Optional<Problem> problem, Instant when) {
      state = how;
      error = problem;
      finishedAt = Optional.of(when);
      notifyAll();
    }

    /** Interrupts it; nothing when it has ended. */
    void cancel() {
      if (isRunning() && worker != null) {
        worker.interrupt();
      }
    }

    private synchronized void await() throws InterruptedException {
      while (state == State.RUNNING) {
        wait();
      }
    }

    synchronized JsonObject toJson() {
      var json =
          new JsonObject()
              .put("id", id)
              .put("kind", "baseline-import")
              .put("baseline", baseline.value())
              .put("state", state.text())
              .put("phase", progress.phase())
              .put("doneBytes", progress.doneBytes())
              .put("totalBytes", progress.totalBytes())
              .put("startedAt", startedAt.toString());
      finishedAt.ifPresent(at -> json.put("finishedAt", at.toString()));
      error.ifPresent(problem -> json.put("error", problem.toJson()));
      return json;
    }
  }
}
