package io.vela.cli.baseline;

import io.vela.cli.CliException;
import io.vela.cli.Terminal;
import io.vela.cli.client.VelaClient;
import io.vertx.core.json.JsonObject;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Asks for an import and watches it to its end; Ctrl-C at any moment cancels it at the server. */
final class ImportWatch {
  private static final long POLL_MILLIS = 200;
  private static final long CANCEL_SECONDS = 30;
  private static final long MEGABYTE = 1 << 20;

  private final VelaClient client;
  private final CompletableFuture<String> path = new CompletableFuture<>();
  private final Terminal terminal;
  private final boolean interactive;
  private final CountDownLatch ended = new CountDownLatch(1);
  private Optional<ProgressBar> bar = Optional.empty();
  private String phase = "";

  ImportWatch(VelaClient client, Terminal terminal) {
    this.client = client;
    this.terminal = terminal;
    this.interactive =
        Optional.ofNullable(System.console()).map(java.io.Console::isTerminal).orElse(false);
  }

  /** The operation as it ended. */
  JsonObject run(JsonObject request) throws CliException {
    // Before the import is asked for: an interrupt must find it also while the answer is awaited.
    var onInterrupt = Thread.ofPlatform().unstarted(this::cancel);
    Runtime.getRuntime().addShutdownHook(onInterrupt);
    try {
      var operation = client.post("/v1/baselines", request);
      var at = "/v1/operations/" + operation.getString("id");
      path.complete(at);
      while (operation.getString("state").equals("running")) {
        show(operation);
        TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
        operation = client.get(at);
      }
      return operation;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CliException("interrupted", "", e);
    } finally {
      path.cancel(false);
      ended.countDown();
      bar.ifPresent(ProgressBar::close);
      try {
        Runtime.getRuntime().removeShutdownHook(onInterrupt);
      } catch (IllegalStateException e) {
        // The hook is running: it is what ended the import.
        phase = "cancelled";
      }
    }
  }

  // Runs while the process ends; the watching thread still polls and sees the operation's end.
  private void cancel() {
    try {
      client.delete(path.get(CANCEL_SECONDS, TimeUnit.SECONDS));
      if (ended.await(CANCEL_SECONDS, TimeUnit.SECONDS)) {
        terminal.err().println("vela: the import was cancelled");
      } else {
        terminal.err().println("vela: the import is being cancelled");
      }
    } catch (CliException e) {
      terminal.err().println("vela: the import could not be cancelled: " + e.getMessage());
    } catch (CancellationException e) {
      // Refused, or ended by itself: there is nothing to cancel.
      phase = "ended";
    } catch (ExecutionException | TimeoutException e) {
      terminal.err().println("vela: the server did not answer; the import may go on");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void show(JsonObject operation) {
    var now = operation.getString("phase");
    boolean changed = !now.equals(phase);
    phase = now;
    if (!interactive) {
      if (changed) {
        terminal.err().println(now);
      }
      return;
    }
    if (changed) {
      bar.ifPresent(ProgressBar::close);
      bar = Optional.of(bar(now));
    }
    bar.ifPresent(
        shown -> {
          long total = operation.getLong("totalBytes");
          shown.maxHint(total > 0 ? total : -1);
          shown.stepTo(operation.getLong("doneBytes"));
        });
  }

  private static ProgressBar bar(String phase) {
    return new ProgressBarBuilder()
        .setTaskName(phase)
        .setInitialMax(-1)
        .setUnit(" MB", MEGABYTE)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis((int) POLL_MILLIS)
        .setConsumer(new ConsoleProgressBarConsumer(System.err))
        .build();
  }
}
