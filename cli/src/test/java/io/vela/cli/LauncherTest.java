package io.vela.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The part of the launchers that finds a JDK, on machines made up of folders. */
@Timeout(60)
final class LauncherTest {
  private static final Path SCRIPT = Path.of("../dist/src/main/bin/find-jdk.sh").toAbsolutePath();

  @TempDir private Path machine;
  private Path home;

  /** How the script ended. */
  private record Ended(int code, String out, String err) {}

  @BeforeEach
  void makeHome() throws Exception {
    home = Files.createDirectory(machine.resolve("home"));
  }

  @Test
  void withoutANewEnoughJdkItSaysWhatToInstall() throws Exception {
    jdk("usr/lib/jvm/java-17", "17.0.15");

    var ended = find(Map.of());

    assertThat(ended.code()).isEqualTo(1);
    assertThat(ended.out()).isEmpty();
    assertThat(ended.err())
        .startsWith("vela: JDK 25 or later was not found")
        .contains("hint: install one");
  }

  @Test
  void theNewestInstalledIsTaken() throws Exception {
    jdk("usr/lib/jvm/java-17", "17.0.15");
    jdk("usr/lib/jvm/java-25", "25.0.1");
    var newest = jdk("home/.sdkman/candidates/java/26", "26");

    assertThat(find(Map.of()).out()).isEqualTo(newest + "\n");
  }

  @Test
  void javaHomeComesFirstUnlessItIsTooOld() throws Exception {
    var installed = jdk("usr/lib/jvm/java-26", "26");
    var chosen = jdk("chosen", "25.0.1");
    jdk("old", "17.0.15");

    assertThat(find(Map.of("JAVA_HOME", machine.resolve("chosen").toString())).out())
        .isEqualTo(chosen + "\n");
    assertThat(find(Map.of("JAVA_HOME", machine.resolve("old").toString())).out())
        .isEqualTo(installed + "\n");
  }

  @Test
  void aHomeIsNotNeeded() throws Exception {
    var installed = jdk("usr/lib/jvm/java-25", "25");
    var command = command();
    command.environment().remove("HOME");

    assertThat(ended(command).out()).isEqualTo(installed + "\n");
  }

  private Path jdk(String folder, String version) throws Exception {
    var jdk = machine.resolve(folder);
    Files.createDirectories(jdk.resolve("bin"));
    Files.writeString(jdk.resolve("release"), "JAVA_VERSION=\"%s\"\n".formatted(version));
    return executable(jdk.resolve("bin/java"), "");
  }

  private static Path executable(Path file, String text) throws Exception {
    Files.writeString(file, text);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Ended find(Map<String, String> environment) throws Exception {
    var command = command();
    command.environment().putAll(environment);
    return ended(command);
  }

  private ProcessBuilder command() throws Exception {
    var programs = Files.createDirectories(machine.resolve("programs"));
    for (var program : new String[] {"sed", "head", "readlink", "dirname"}) {
      executable(
          programs.resolve(program), "#!/bin/sh\nexec /usr/bin/%s \"$@\"\n".formatted(program));
    }
    var command =
        new ProcessBuilder("/bin/bash", "-euc", ". \"$1\"; find_jdk", "-", SCRIPT.toString());
    command.environment().clear();
    // Without the java of this machine.
    command.environment().put("PATH", programs.toString());
    command.environment().put("HOME", home.toString());
    command.environment().put("VELA_JDKS", machine.toString());
    return command;
  }

  private static Ended ended(ProcessBuilder builder) throws Exception {
    var process = builder.start();
    var out = new String(process.getInputStream().readAllBytes(), UTF_8);
    var err = new String(process.getErrorStream().readAllBytes(), UTF_8);
    return new Ended(process.waitFor(), out, err);
  }
}
