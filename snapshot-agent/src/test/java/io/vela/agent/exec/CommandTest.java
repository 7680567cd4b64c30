package io.vela.agent.exec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.FileNotFoundException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CommandTest {
  @TempDir Path folder;

  @Test
  void bothOutputsAndTheExitCodeAreKept() throws Exception {
    var result = Command.of("sh", "-c", "echo out; echo err >&2; exit 3").run();

    assertThat(result).isEqualTo(new Result.Exited("sh", 3, "out\n", "err\n"));
    assertThat(result.ok()).isFalse();
    assertThat(result.problem()).isEqualTo("sh ended with exit code 3: err");
  }

  @Test
  void theTextToReadArrivesAndTheInputIsEmptyWithoutOne() throws Exception {
    assertThat(Command.of("cat").reading("grüß\n").run().stdout()).isEqualTo("grüß\n");
    assertThat(Command.of("cat").run()).isEqualTo(new Result.Exited("cat", 0, "", ""));
  }

  @Test
  void aProgramThatDoesNotReadItsTextIsNoFailure() throws Exception {
    assertThat(Command.of("true").reading("x".repeat(1_000_000)).run().ok()).isTrue();
  }

  @Test
  void environmentAndFolderReachTheProgram() throws Exception {
    var result =
        Command.of("sh", "-c", "echo $VELA_TEST; pwd").env("VELA_TEST", "a b").in(folder).run();

    assertThat(result.stdout()).isEqualTo("a b\n" + folder.toRealPath() + "\n");
  }

  @Test
  void wordsAreNeverReadByAShell() throws Exception {
    assertThat(Command.of("echo", "$(id); *").run().stdout()).isEqualTo("$(id); *\n");
  }

  @Test
  void theEnvironmentAndTheInputAreNotPrinted() {
    var command = Command.of("psql", "-X").env("PGPASSWORD", "hidden").reading("secret");

    assertThat(command).hasToString("psql -X");
  }

  @Test
  void aMissingProgramIsAValueThatNamesIt() throws Exception {
    var result = Command.of("vela-no-such-program").run();

    assertThat(result).isInstanceOf(Result.NotStarted.class);
    assertThat(result.problem()).contains("vela-no-such-program").contains("not found");
  }

  @Test
  void ofALongOutputTheEndIsKept() throws Exception {
    var result = Command.of("seq", "1", "100000").run();

    assertThat(result.stdout()).hasSize(Result.KEPT_BYTES).endsWith("99999\n100000\n");
  }

  @Test
  void aProgramThatTakesTooLongIsKilledWithWhatItStarted() throws Exception {
    var pid = folder.resolve("pid");
    var script = "echo begun; sleep 300 & echo $! > " + pid + "; wait";

    var result = Command.of("sh", "-c", script).within(Duration.ofMillis(300)).run();

    assertThat(result).isEqualTo(new Result.TimedOut("sh", Duration.ofMillis(300), "begun\n", ""));
    awaitGone(pid);
  }

  @Test
  void anInterruptKillsTheProgramAndWhatItStarted() throws Exception {
    var pid = folder.resolve("pid");
    var script = "sleep 300 & echo $! > " + pid + ".new; mv " + pid + ".new " + pid + "; wait";
    var seen = new AtomicReference<Throwable>();
    var caller =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    Command.of("sh", "-c", script).run();
                  } catch (InterruptedException e) {
                    seen.set(e);
                  }
                });
    await().until(() -> Files.exists(pid));

    caller.interrupt();

    assertThat(caller.join(Duration.ofSeconds(10))).isTrue();
    assertThat(seen.get()).isInstanceOf(InterruptedException.class);
    awaitGone(pid);
  }

  @Test
  void aProgramLeftBehindWithTheOutputOpenHoldsNobodyUp() throws Exception {
    var pid = folder.resolve("pid");

    var result = Command.of("sh", "-c", "sleep 300 & echo $! > " + pid + "; echo done").run();

    assertThat(result).isEqualTo(new Result.Exited("sh", 0, "done\n", ""));
    ProcessHandle.of(readPid(pid)).orElseThrow().destroyForcibly();
  }

  @Test
  void linesOfBothOutputsComeAsTheyAreWrittenAndOnTheCallingThread() throws Exception {
    var lines = new ArrayList<String>();
    var threads = new ArrayList<Thread>();

    // The script goes on only after each line has been handed out.
    var go = folder.resolve("go");
    var script =
        "printf 'one\\r' >&2; while ! [ -e %s ]; do sleep 0.01; done; printf '\\rtwo\\nrest'"
            .formatted(go);
    var result =
        Command.of("sh", "-c", script)
            .within(Duration.ofSeconds(20))
            .run(
                line -> {
                  lines.add(line);
                  threads.add(Thread.currentThread());
                  if (line.equals("one")) {
                    assertThat(go.toFile().mkdir()).isTrue();
                  }
                });

    assertThat(result.ok()).isTrue();
    assertThat(lines).containsExactly("one", "two", "rest");
    assertThat(threads).containsOnly(Thread.currentThread());
  }

  @Test
  void aConsumerThatFailsEndsTheProgram() throws Exception {
    var pid = folder.resolve("pid");
    var command = Command.of("sh", "-c", "echo $$ > " + pid + "; echo line; exec sleep 300");

    assertThatThrownBy(
            () ->
                command.run(
                    line -> {
                      throw new IllegalStateException(line);
                    }))
        .isInstanceOf(IllegalStateException.class);
    awaitGone(pid);
  }

  @Test
  void manyRunsAtOnceOnVirtualThreadsAllEnd() throws Exception {
    var done = new CountDownLatch(50);
    for (int i = 0; i < 50; i++) {
      Thread.ofVirtual()
          .start(
              () -> {
                try {
                  if (Command.of("sleep", "0.2").run().ok()) {
                    done.countDown();
                  }
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
    }
    assertThat(done.await(30, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void aDetachedProgramLeadsItsOwnSessionAndAppendsItsOutput() throws Exception {
    var output = Files.writeString(folder.resolve("log"), "before\n");

    var process =
        Command.of("sh", "-c", "cut -d' ' -f6 /proc/$$/stat; cat; echo err >&2; exec sleep 300")
            .start(output);
    try {
      await().until(() -> Files.readString(output).contains("err"));

      assertThat(Files.readAllLines(output).stream().map(String::strip))
          .containsExactly("before", Long.toString(process.pid()), "err");
    } finally {
      process.destroyForcibly();
      process.waitFor();
    }
  }

  @Test
  void aDetachedProgramThatIsMissingIsSaidAtOnce() {
    assertThatThrownBy(() -> Command.of("vela-no-such-program").start(folder.resolve("log")))
        .isInstanceOf(FileNotFoundException.class)
        .hasMessageContaining("vela-no-such-program");
  }

  @Test
  void noProgramIsRefused() {
    assertThatThrownBy(() -> Command.of(List.of())).isInstanceOf(IllegalArgumentException.class);
  }

  private static long readPid(Path file) throws Exception {
    return Long.parseLong(Files.readString(file).strip());
  }

  private static void awaitGone(Path pidFile) throws Exception {
    long pid = readPid(pidFile);
    await().until(() -> ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty());
  }
}
