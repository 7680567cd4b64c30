package io.vela.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.it.support.Scratch;
import io.vela.it.support.Vela;
import io.vertx.core.json.JsonObject;
import java.nio.file.Files;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A short slice of the benchmarks: they must run; how fast is not asked here. */
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
            "--runs",
            "1",
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
            "connect, one select, close");
    assertThat(report.getJsonObject("setting").fieldNames())
        .contains("java", "postgres", "kernel", "cores", "pool");
    assertThat(scratch.folder().resolve("work")).doesNotExist();
  }
}
