package io.vela.agent.isolation;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An instance's processes, by the one with which all of them end. */
final class LaunchedProcess implements Launched {
  private static final Logger logger = LoggerFactory.getLogger(LaunchedProcess.class);
  private static final Duration ADOPTED_POLL = Duration.ofMillis(100);

  private final long root;
  private final String program;
  private final InstanceLog log;
  private final CompletableFuture<Void> ended;
  private final Runnable whenServing;

  private LaunchedProcess(
      long root, String program, InstanceLog log, CompletableFuture<?> exit, Runnable whenServing) {
    this.root = root;
    this.program = program;
    this.log = log;
    this.whenServing = whenServing;
    this.ended = exit.handle((code, failure) -> null);
  }

  /** A child of Vela's. */
  static LaunchedProcess of(
      ChildProcess child, String program, InstanceLog log, Runnable whenServing) {
    return new LaunchedProcess(child.pid(), program, log, child.exit(), whenServing);
  }

  /** One that nobody here collects: looked for until it is gone. */
  static LaunchedProcess adopted(InstanceRecord record, String program, InstanceLog log) {
    var exit = new CompletableFuture<Void>();
    Thread.ofVirtual()
        .name("adopted-" + record.pid())
        .start(
            () -> {
              try {
                while (record.isRunning()) {
                  Thread.sleep(ADOPTED_POLL);
                }
                exit.complete(null);
              } catch (InterruptedException e) {
                exit.completeExceptionally(e);
              }
            });
    return new LaunchedProcess(record.pid(), program, log, exit, () -> {});
  }

  /** Does something when it has ended, before anybody else is told. */
  LaunchedProcess afterwards(Runnable action) {
    var later = ended.thenRun(action);
    return new LaunchedProcess(root, program, log, later, whenServing);
  }

  @Override
  public long pid() {
    return ProcessStatus.eldest(root, program).orElse(root);
  }

  @Override
  public long root() {
    return root;
  }

  @Override
  public CompletionStage<?> ended() {
    return ended;
  }

  @Override
  public void serves() {
    whenServing.run();
  }

  @Override
  public void drainLog() {
    try {
      var _ = log.drain();
    } catch (IOException e) {
      logger.warn("log of an instance not written pid={}", root, e);
    }
  }
}
