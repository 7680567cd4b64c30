package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import io.vela.it.support.Run;
import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A short slice of the benchmarks: they must run, which those with a floor do only when it has all
 * settings of the branch; how fast is not asked here.
 */
final class BenchTest {
  private Scratch scratch;

  @BeforeEach
  void scratch() {
    scratch = new Scratch();
  }

  @AfterEach
  void clean() throws Exception {
    scratch.close();
  }

  @Test
  void eachFigureIsMeasuredAndReported() throws Exception {
    var json = scratch.folder().resolve("report.json");

    var run =
        Vela.program(
            "bench",
            "wake",
            "create",
            "connect",
            "parking",
            "startup",
            "--runs",
            "1",
            "--clients",
            "40",
            "--seconds",
            "1",
            "--large",
            "0",
            "--work",
            scratch.folder().resolve("work").toString(),
            "--json",
            json.toString());

    assertThat(run.code()).as(run.err()).isZero();
    var report = new JsonObject(Files.readString(json));
    assertThat(report.getJsonArray("figures").stream())
        .extracting(figure -> ((JsonObject) figure).getString("what"))
        .containsExactly(
            "wake",
            "wake, p99",
            "create on connect",
            "create with a warm clone",
            "connect, one select, close",
            "connect, one select, close, backends reused",
            "connect, one select, close, spare backends",
            "wake of a parked session",
            "the same, beyond a fresh one's",
            "first row of a parked one, awake",
            "parked clients per MiB",
            "vela up, to ready",
            "vela branch list");
    assertThat(report.getJsonArray("figures").stream())
        .extracting(
            figure -> ((JsonObject) figure).getString("referenceName"),
            figure -> ((JsonObject) figure).getString("bar"))
        .startsWith(
            tuple("bare postgres, strict", "<= 1.3"),
            tuple("bare postgres, strict, p99", "<= 2.0"),
            tuple("bare postgres, strict", "<= 1.7"),
            tuple("bare postgres, strict", "<= 0.35"));
    assertThat(report.getJsonObject("setting").fieldNames())
        .contains(
            "java", "postgres", "kernel", "cores", "cpu", "memory", "file system", "pool", "runs");
    assertThat(scratch.folder().resolve("work")).doesNotExist();
  }

  @Test
  void ctrlCEndsItAndLeavesNothing() throws Exception {
    var work = scratch.folder().resolve("work");
    var bench = Vela.startProgram("bench", "wake", "--runs", "1000", "--work", work.toString());
    await()
        .atMost(Duration.ofMinutes(1))
        .until(() -> Files.readAllLines(bench.err()).contains("wake"));

    // A terminal sends it to all programs that the shell runs for the command.
    Run.program("kill", "-INT", "--", "-" + bench.process().pid()).text();
    var ended = Run.await(bench);

    assertThat(ended.code()).isEqualTo(130);
    assertThat(ended.err()).endsWith("interrupted\n").doesNotContain("mistake");
    assertThat(work).doesNotExist();
    assertThat(Files.readString(Path.of("/proc/mounts"))).doesNotContain(work.toString());
    assertThat(ProcessHandle.allProcesses())
        .noneMatch(process -> process.info().commandLine().orElse("").contains(work.toString()));
  }
}
