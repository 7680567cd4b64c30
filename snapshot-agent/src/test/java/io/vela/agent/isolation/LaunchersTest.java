package io.vela.agent.isolation;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.exec.ServiceUser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
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
    var run = new RunFiles(Files.createDirectory(folder.resolve("run" + runs++)));
    var data = Files.createDirectory(folder.resolve("data" + runs));
    Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwx------"));
    user.own(data);
    var launched =
        launcher.launch(
            new Launch(data, run, Path.of("/usr/bin"), SHELL, List.of("-c", script), false));
    launched.ended().toCompletableFuture().get(20, TimeUnit.SECONDS);
    return Files.exists(run.log()) ? Files.readAllLines(run.log()) : List.of();
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
    if (launcher.level() == IsolationLevel.NONE) {
      return;
    }
    var lines = said("ls / " + folder + "; cat " + folder + "/rules; ls -d /proc/[0-9]* | wc -l");

    assertThat(lines)
        // The first process, the shell, ls and wc.
        .contains("data1", "run0", "rules", "4")
        .doesNotContain("root", "home", "var", ".root", "run0.log");
  }

  @Test
  void itHasNoPrivilegesAndCannotGetAny() throws Exception {
    var lines = said("id -u; grep -E 'NoNewPrivs|CapBnd|CapEff|Seccomp:' /proc/self/status");
    if (launcher.level() == IsolationLevel.NONE) {
      return;
    }
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
}
