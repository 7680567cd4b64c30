package io.vela.agent.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RunningProcessesTest {
  /** Below what Linux lets one argument have, 128 kB. */
  private static final int LONG = 100_000;

  @Test
  void aCommandLineIsReadToABound() throws Exception {
    var command = new ArrayList<>(List.of("sleep", "0"));
    for (int i = 0; i < 12; i++) {
      command.add("0".repeat(LONG));
    }
    command.set(1, "600");
    var process = new ProcessBuilder(command).start();
    try {
      await().until(() -> !words(process.pid()).isEmpty());
      await().until(() -> words(process.pid()).getFirst().endsWith("sleep"));

      var read = words(process.pid());

      assertThat(read.stream().mapToLong(String::length).sum())
          .isLessThanOrEqualTo(RunningProcesses.MOST_BYTES);
      assertThat(read).startsWith("sleep", "600");
    } finally {
      process.destroyForcibly();
    }
  }

  private static List<String> words(long pid) {
    return RunningProcesses.find(pid).map(RunningProcesses.Running::argv).orElse(List.of());
  }
}
