package io.vela.agent.exec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.vela.agent.CloneException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ServiceUserTest {
  @TempDir Path folder;

  @Test
  void aWrappedCommandRunsAsTheUserAndNeverAsRoot() throws Exception {
    var user = ServiceUser.resolve(line -> {});

    var result = Command.of(user.wrap(List.of("id", "-u"))).run();

    assertThat(result.stdout().strip()).isEqualTo(Long.toString(user.uid())).isNotEqualTo("0");
    assertThat(user.isOther()).isEqualTo(ServiceUser.runningAsRoot());
  }

  @Test
  void theUserOwnsAFolderWithAllInItButNotWhatLinksName() throws Exception {
    var user = ServiceUser.resolve(line -> {});
    var outside = Files.createFile(folder.resolve("outside"));
    var given = Files.createDirectories(folder.resolve("given/below"));
    var file = Files.createFile(given.resolve("file"));
    var link = Files.createSymbolicLink(given.resolve("link"), outside);
    var before = Files.getAttribute(outside, "unix:uid");

    user.own(folder.resolve("given"));

    for (var path : List.of(folder.resolve("given"), given, file, link)) {
      assertThat(Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS))
          .isEqualTo((int) user.uid());
    }
    assertThat(Files.getAttribute(outside, "unix:uid")).isEqualTo(before);
  }

  @Test
  void aFolderBelowOneThatIsClosedToTheUserCannotBeReached() throws Exception {
    var user = ServiceUser.resolve(line -> {});
    var open = Files.createDirectories(folder.resolve("open/below"));
    var shut = Files.createDirectories(folder.resolve("shut/below"));
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.setPosixFilePermissions(
        folder.resolve("shut"),
        PosixFilePermissions.fromString(user.isOther() ? "rwx------" : "rw-------"));
    try {
      assertThat(user.canReach(open)).isTrue();
      assertThat(user.canReach(open.resolve("not/yet/there"))).isTrue();
      assertThat(user.canReach(shut)).isFalse();
      assertThat(user.canReach(shut.resolve("not/yet/there"))).isFalse();
    } finally {
      Files.setPosixFilePermissions(
          folder.resolve("shut"), PosixFilePermissions.fromString("rwx------"));
    }
  }

  @Test
  void aProgramThatIsThereIsNotInstalled() throws Exception {
    var said = new ArrayList<String>();

    var program = new DebianPackages(said::add).ensure("sh", "dash");

    assertThat(program).isExecutable();
    assertThat(said).isEmpty();
  }

  @Test
  void aProgramThatCannotBeInstalledIsAFailureThatNamesThePackage() {
    var packages = new DebianPackages(line -> {});

    assertThatThrownBy(() -> packages.ensure("vela-no-such-program", "vela-no-such-package"))
        .isInstanceOf(CloneException.class)
        .hasMessage("vela-no-such-program is missing: install the package vela-no-such-package");
  }
}
