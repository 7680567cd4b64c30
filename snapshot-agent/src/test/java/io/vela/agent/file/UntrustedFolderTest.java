package io.vela.agent.file;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.security.auth.module.UnixSystem;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class UntrustedFolderTest {
  private static final Owner OWN = new Owner(new UnixSystem().getUid(), new UnixSystem().getGid());
  private static final int MOST = 1000;

  @TempDir Path top;
  private Path volume;
  private Path outside;
  private UntrustedFolder folder;

  @BeforeEach
  void make() throws IOException {
    volume = Files.createDirectory(top.resolve("volume"));
    outside = Files.createDirectory(top.resolve("outside"));
    Files.writeString(outside.resolve("secret"), "secret");
    folder = new UntrustedFolder(volume);
  }

  @Test
  void aPlainFileIsReadWhole() throws Exception {
    Files.createDirectory(volume.resolve("global"));
    Files.writeString(volume.resolve("global/pg_control"), "x".repeat(MOST));

    assertThat(folder.read("global/pg_control", MOST)).asString(UTF_8).hasSize(MOST);
    assertThatThrownBy(() -> folder.read("global/pg_control", MOST - 1))
        .isInstanceOf(UnsafeFileException.class)
        .hasMessageContaining("larger than 999 bytes");
    assertThatThrownBy(() -> folder.read("missing", MOST)).isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void nothingButAPlainFileIsReadAndNoneIsWaitedFor() throws Exception {
    for (var hostile : HostileEntries.all(outside.resolve("secret")).entrySet()) {
      hostile.getValue().put(volume.resolve("file"));

      assertThatThrownBy(() -> folder.read("file", MOST))
          .as(hostile.getKey())
          .isInstanceOf(UnsafeFileException.class);
      assertThat(folder.find("file")).as(hostile.getKey()).isPresent();
      folder.delete("file");
      assertThat(folder.find("file")).as(hostile.getKey()).isEmpty();
    }
    assertThat(outside.resolve("secret")).hasContent("secret");
  }

  @Test
  void aLinkInPlaceOfAFolderIsNotFollowed() throws Exception {
    Files.createSymbolicLink(volume.resolve("global"), outside);
    var linked = Files.createSymbolicLink(volume.resolve("data"), outside);

    assertThatThrownBy(() -> folder.read("global/secret", MOST))
        .isInstanceOf(UnsafeFileException.class);
    assertThatThrownBy(() -> folder.write("global/secret", new byte[1], OWN))
        .isInstanceOf(UnsafeFileException.class);
    assertThatThrownBy(() -> folder.delete("global/secret"))
        .isInstanceOf(UnsafeFileException.class);
    folder.empty("global");
    assertThat(folder.list("global")).isEmpty();
    var data = new UntrustedFolder(linked);
    assertThatThrownBy(() -> data.read("secret", MOST)).isInstanceOf(UnsafeFileException.class);
    assertThatThrownBy(() -> data.giveTo(OWN)).isInstanceOf(UnsafeFileException.class);
    data.delete();
    assertThat(linked).doesNotExist();
    assertThat(outside.resolve("secret")).hasContent("secret");
  }

  @Test
  void writingReplacesWhatIsThereAndFollowsNothing() throws Exception {
    for (var hostile : HostileEntries.all(outside.resolve("secret")).entrySet()) {
      for (var planted : List.of("file", "file.new")) {
        if (planted.equals("file") && hostile.getKey().equals("a folder")) {
          continue; // A file does not replace a folder.
        }
        hostile.getValue().put(volume.resolve(planted));

        folder.write("file", "new".getBytes(UTF_8), OWN);

        assertThat(volume.resolve("file")).as(hostile.getKey()).isRegularFile().hasContent("new");
        assertThat(
                PosixFilePermissions.toString(
                    Files.getPosixFilePermissions(volume.resolve("file"))))
            .isEqualTo("rw-------");
        folder.delete("file");
      }
    }
    assertThat(outside.resolve("secret")).hasContent("secret");
    assertThat(volume).isEmptyDirectory();
  }

  @Test
  void whatIsThereIsNotMadeOverNorAddedToUnlessItIsAPlainFile() throws Exception {
    for (var hostile : HostileEntries.all(outside.resolve("secret")).entrySet()) {
      hostile.getValue().put(volume.resolve("file"));

      assertThatThrownBy(() -> folder.create("file", OWN))
          .as(hostile.getKey())
          .isInstanceOf(FileAlreadyExistsException.class);
      if (!hostile.getKey().equals("a sparse huge file")) {
        assertThatThrownBy(() -> folder.append("file", new byte[1]))
            .as(hostile.getKey())
            .isInstanceOf(UnsafeFileException.class);
      }
      folder.delete("file");
    }
    Files.writeString(volume.resolve("conf"), "a\n");
    folder.append("conf", "b\n".getBytes(UTF_8));
    assertThat(volume.resolve("conf")).hasContent("a\nb\n");
    assertThat(outside.resolve("secret")).hasContent("secret");
  }

  @Test
  void aTreeIsRemovedAndWhatItsLinksNameStays() throws Exception {
    var below = Files.createDirectories(volume.resolve("base/5"));
    for (var hostile : HostileEntries.all(outside.resolve("secret")).entrySet()) {
      hostile.getValue().put(below.resolve(hostile.getKey().replace('/', '_')));
    }
    Files.createSymbolicLink(below.resolve("folder"), outside);
    // Names are any bytes, and a folder need not be open to its owner.
    Command.of("sh", "-c", "touch \"$(printf 'bad\\377\\nname')\"").in(below).run();
    Files.setPosixFilePermissions(below, PosixFilePermissions.fromString("---------"));

    folder.delete();
    folder.delete();

    assertThat(volume).doesNotExist();
    assertThat(outside.resolve("secret")).hasContent("secret");
  }

  @Test
  void aTreeIsRemovedHoweverDeepItIs() throws Exception {
    // Three times a thousand folders, each in the one before: no path is that long.
    var deepen = "for i in 1 2 3; do mkdir -p %1$s; cd -P %1$s; touch f; done";
    deepen = deepen.formatted("d/".repeat(1000));
    assertThat(Command.of("sh", "-c", deepen).in(volume).run().ok()).isTrue();

    folder.delete();

    assertThat(volume).doesNotExist();
    try (var left = Files.list(top)) {
      assertThat(left).containsExactly(outside);
    }
  }

  @Test
  void aWalkTellsOfEverythingAndShowsNamesSafely() throws Exception {
    Files.createDirectories(volume.resolve("base/5"));
    Files.writeString(volume.resolve("base/5/1259"), "page");
    Files.createSymbolicLink(volume.resolve("base/link"), outside);
    Command.of("sh", "-c", "touch \"$(printf 'a\\033[31m\\nb')\"").in(volume).run();
    var seen = new ArrayList<String>();

    folder.walk((name, status) -> seen.add(name + " " + status.kind()));

    assertThat(seen)
        .containsExactlyInAnyOrder(
            "base a folder",
            "base/5 a folder",
            "base/5/1259 a file",
            "base/link a symbolic link",
            "a\\u001b[31m\\nb a file");
  }

  @Test
  void ownershipIsGivenToLinksThemselves() throws Exception {
    org.junit.jupiter.api.Assumptions.assumeTrue(ServiceUser.runningAsRoot());
    for (var hostile : HostileEntries.all(outside.resolve("secret")).entrySet()) {
      hostile.getValue().put(volume.resolve(hostile.getKey().replace('/', '_')));
    }

    folder.giveTo(new Owner(12345, 12346));

    try (var files = Files.walk(volume)) {
      assertThat(files)
          .allSatisfy(
              file ->
                  assertThat(
                          Files.getAttribute(
                              file, "unix:uid", java.nio.file.LinkOption.NOFOLLOW_LINKS))
                      .isEqualTo(12345));
    }
    assertThat(Files.getAttribute(outside.resolve("secret"), "unix:uid")).isEqualTo(0);
  }

  @Test
  void namesAreBelowTheFolder() {
    for (var name : List.of("../outside/secret", "/etc/passwd", "a/../b", ".", "", "a//b")) {
      assertThatThrownBy(() -> folder.read(name, MOST))
          .as(name)
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Test
  void readingLeavesNoDescriptorOpen() throws Exception {
    Files.writeString(volume.resolve("file"), "x");
    Files.createSymbolicLink(volume.resolve("link"), outside);
    folder.read("file", MOST);
    long before = descriptors();

    for (int i = 0; i < 200; i++) {
      folder.read("file", MOST);
      folder.find("link");
      folder.walk((_, _) -> {});
      assertThatThrownBy(() -> folder.read("link", MOST)).isNotNull();
      assertThatThrownBy(() -> folder.read("link/x", MOST)).isNotNull();
    }

    org.awaitility.Awaitility.await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() -> assertThat(descriptors()).isLessThan(before + 50));
  }

  private static long descriptors() throws IOException {
    try (var open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count();
    }
  }
}
