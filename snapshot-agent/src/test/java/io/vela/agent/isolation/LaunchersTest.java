package io.vela.agent.isolation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a program sees and may do that a launcher has started: here a shell. */
class LaunchersTest {
  private static final Path SHELL = Path.of("/bin/sh");

  @TempDir private Path folder;
  private ServiceUser user;
  private Launcher launcher;
  private Launchers.Found found;
  private int runs;

  @BeforeEach
  void open() throws Exception {
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    user = ServiceUser.resolve(line -> {});
    found = Launchers.best(user, folder, folder, Map.of(folder.resolve("rules"), "rules\n"));
    launcher = found.launcher();
  }

  @AfterEach
  void close() {
    launcher.close();
  }

  /** What a script prints. */
  private List<String> said(String script) throws Exception {
    return said(launcher, script);
  }

  private List<String> said(Launcher by, String script) throws Exception {
    var run = files();
    launch(by, run, script).ended().toCompletableFuture().get(20, TimeUnit.SECONDS);
    return lines(run);
  }

  private RunFiles files() throws IOException {
    return new RunFiles(Files.createDirectory(folder.resolve("run" + runs++)));
  }

  private static List<String> lines(RunFiles run) throws IOException {
    return Files.exists(run.log()) ? Files.readAllLines(run.log()) : List.of();
  }

  private Launched launch(Launcher by, RunFiles run, String script) throws Exception {
    var data = Files.createDirectory(folder.resolve("data" + runs));
    Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwx------"));
    user.own(data);
    return by.launch(
        new Launch(data, run, Path.of("/usr/bin"), SHELL, List.of("-c", script), false));
  }

  private static void kill(Launched launched) throws Exception {
    ProcessHandle.of(launched.root()).ifPresent(ProcessHandle::destroyForcibly);
    launched.ended().toCompletableFuture().get(20, TimeUnit.SECONDS);
  }

  @Test
  void asRootTheHighestLevelIsReachedHere() {
    if (ServiceUser.runningAsRoot()) {
      assertThat(found.shortfall()).isEmpty();
      assertThat(launcher.level()).isEqualTo(IsolationLevel.FULL);
    }
  }

  @Test
  void whatIsSaidComesThroughThePipe() throws Exception {
    assertThat(said("echo one; echo two >&2")).containsExactly("one", "two");
  }

  @Test
  void itSeesItsOwnProcessesAndFoldersOnly() throws Exception {
    Assumptions.assumeTrue(launcher.level() != IsolationLevel.NONE, found::shortfall);
    var lines = said("ls / " + folder + "; cat " + folder + "/rules; ls -d /proc/[0-9]* | wc -l");

    assertThat(lines)
        // The first process, the shell, ls and wc.
        .contains("data1", "run0", "rules", "4")
        .doesNotContain("root", "home", "var", ".root", "run0.log");
  }

  @Test
  void itHasNoPrivilegesAndCannotGetAny() throws Exception {
    var lines = said("id -u; grep -E 'NoNewPrivs|CapBnd|CapEff|Seccomp:' /proc/self/status");
    Assumptions.assumeTrue(launcher.level() != IsolationLevel.NONE, found::shortfall);
    assertThat(lines.subList(1, lines.size()).stream().map(line -> line.replaceAll("\\s+", " ")))
        .containsExactlyInAnyOrder(
            "CapEff: 0000000000000000", "CapBnd: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2");
    assertThat(said("unshare --user true || echo refused")).contains("refused");
  }

  @Test
  void itsDataIsItsOwnWhoeverOwnsItOnDisk() throws Exception {
    var inside = folder.resolve("data1");

    var owners = said("cd " + inside + " && touch made && stat -c %u made . && id -u");

    assertThat(owners).hasSize(3);
    assertThat(owners.stream().distinct()).hasSize(1);
    var owner = Files.getAttribute(folder.resolve("data1/made"), "unix:uid");
    assertThat(owner).isEqualTo((int) user.uid());
  }

  @Test
  void oneThatNeverStopsWritingKeepsNobodyElsesLog() throws Exception {
    var flood = launch(launcher, files(), "exec yes");
    try {
      var run = files();
      var other = launch(launcher, run, "echo heard; exec sleep 600");
      try {
        await().atMost(Duration.ofSeconds(20)).until(() -> lines(run).contains("heard"));
      } finally {
        kill(other);
      }
    } finally {
      kill(flood);
    }
  }

  @Test
  void aLaterVelaFindsItAgainAndGivesItsUserToNobodyElse() throws Exception {
    var run = files();
    var first = launch(launcher, run, "id -u; exec sleep 600");
    try {
      await().atMost(Duration.ofSeconds(20)).until(() -> !lines(run).isEmpty());
      var later = Launchers.best(user, folder, folder, Map.of()).launcher();
      try {
        if (later.level() == IsolationLevel.FULL) {
          assertThat(said(later, "id -u")).doesNotContainAnyElementsOf(lines(run));
        }
        var found = later.adopt(run);
        assertThat(found).isPresent();
        kill(found.orElseThrow());
      } finally {
        later.close();
      }
    } finally {
      kill(first);
    }
  }
}
