package io.vela.agent.exec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ProcessSignalTest {
  private final Process process;

  ProcessSignalTest() throws Exception {
    process = new ProcessBuilder("sleep", "1000").start();
  }

  @AfterEach
  void close() throws Exception {
    process.destroyForcibly().waitFor();
  }

  @Test
  void aSignalReachesTheProcess() throws Exception {
    assertThat(ProcessSignal.reaches(process.toHandle())).isTrue();

    assertThat(ProcessSignal.INT.send(process.toHandle())).isTrue();

    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(128 + 2);
  }

  @Test
  void aProcessThatHasEndedIsSentNothing() throws Exception {
    process.destroyForcibly().waitFor();

    assertThat(ProcessSignal.KILL.send(process.toHandle())).isFalse();
    assertThat(ProcessSignal.reaches(process.toHandle())).isFalse();
  }

  @Test
  void anotherProcessThatHasTheIdByNowIsSentNothing() throws Exception {
    var former = new Former(process.pid());

    assertThat(ProcessSignal.KILL.send(former)).isFalse();
    assertThat(ProcessSignal.reaches(former)).isFalse();
    assertThat(process.isAlive()).isTrue();
  }

  @Test
  void numbersThatMeanMoreThanOneProcessAreRefused() {
    for (long pid : new long[] {-1, 0, 1, 1L << 32}) {
      assertThatThrownBy(() -> ProcessSignal.KILL.send(new Former(pid)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("no signal");
    }
  }

  @Test
  void noDescriptorIsNeeded() throws Exception {
    var java = Path.of(System.getProperty("java.home"), "bin", "java");
    var program =
        "ulimit -n 64 && exec %s --enable-native-access=ALL-UNNAMED -Xshare:auto -cp '%s' '%s' %d"
            .formatted(
                java,
                System.getProperty("java.class.path"),
                WithoutDescriptors.class.getName(),
                process.pid());

    var result = Command.of("sh", "-c", program).within(Duration.ofMinutes(1)).run();

    assertThat(result.stdout() + result.problem()).contains("reaches=true sent=true");
    assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
  }

  /** Uses up all descriptors, then ends a process. */
  static final class WithoutDescriptors {
    private WithoutDescriptors() {}

    public static void main(String[] arguments) throws Exception {
      var process = ProcessHandle.of(Long.parseLong(arguments[0])).orElseThrow();
      ProcessSignal.prepare();
      // Classes that are loaded on the way would need a descriptor each.
      var _ = ProcessSignal.reaches(process);
      var _ = ProcessSignal.CONT.send(process);
      var _ = "%s %s".formatted(true, false);
      var open = new ArrayList<FileInputStream>();
      boolean full = false;
      while (!full) {
        try {
          open.add(new FileInputStream("/dev/null"));
        } catch (IOException e) {
          full = true;
        }
      }
      boolean reaches = ProcessSignal.reaches(process);
      boolean sent = ProcessSignal.KILL.send(process);
      for (var stream : open) {
        stream.close();
      }
      System.out.println("reaches=%s sent=%s".formatted(reaches, sent));
    }
  }

  /** A process of an id that is another's now. */
  private record Former(long pid) implements ProcessHandle {
    @Override
    public Optional<ProcessHandle> parent() {
      return Optional.empty();
    }

    @Override
    public Stream<ProcessHandle> children() {
      return Stream.of();
    }

    @Override
    public Stream<ProcessHandle> descendants() {
      return Stream.of();
    }

    @Override
    public Info info() {
      throw new UnsupportedOperationException();
    }

    @Override
    public CompletableFuture<ProcessHandle> onExit() {
      return CompletableFuture.completedFuture(this);
    }

    @Override
    public boolean supportsNormalTermination() {
      return false;
    }

    @Override
    public boolean destroy() {
      return false;
    }

    @Override
    public boolean destroyForcibly() {
      return false;
    }

    @Override
    public boolean isAlive() {
      return false;
    }

    @Override
    public int compareTo(ProcessHandle other) {
      return Long.compare(pid, other.pid());
    }
  }
}
