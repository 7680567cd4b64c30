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

/** The launchers, on machines and JDKs made up of folders. */
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

  @Test
  void eachJdkHasACacheOfItsOwn() throws Exception {
    var one = cacheName("IMPLEMENTOR=\"Acme\"\nJAVA_RUNTIME_VERSION=\"25.0.1+9-LTS\"\n");
    var update = cacheName("IMPLEMENTOR=\"Acme\"\nJAVA_RUNTIME_VERSION=\"25.0.2+3-LTS\"\n");
    var other = cacheName("IMPLEMENTOR=\"O. T/her\"\nJAVA_RUNTIME_VERSION=\"25.0.1+9-LTS\"\n");

    assertThat(one).isEqualTo("-Acme-25.0.1+9-LTS.aot\n");
    assertThat(update).isNotEqualTo(one);
    assertThat(other).isEqualTo("-O.Ther-25.0.1+9-LTS.aot\n");
  }

  @Test
  void aJdkThatSaysNothingOfItselfHasACacheToo() throws Exception {
    assertThat(ended(command("cache_name /nowhere/bin/java")).out()).isEqualTo(".aot\n");
  }

  private String cacheName(String release) throws Exception {
    var java = jdk("named", "25");
    Files.writeString(machine.resolve("named/release"), release);
    return ended(command("cache_name " + java)).out();
  }

  @Test
  void aCacheIsUsedWhereThereIsOne() throws Exception {
    var distribution = distribution();
    var cache = Files.createFile(distribution.resolve("lib/verbs-25.aot"));

    assertThat(vela(distribution, "").out())
        .contains("-XX:AOTCache=" + cache)
        .endsWith("io.vela.cli.Vela branch list\n");
  }

  @Test
  void withoutACacheItRunsAllTheSame() throws Exception {
    assertThat(vela(distribution(), "").out())
        .doesNotContain("AOTCache")
        .endsWith("io.vela.cli.Vela branch list\n");
  }

  @Test
  void anotherCollectorTakesThePlaceOfTheOwn() throws Exception {
    assertThat(vela(distribution(), "").out()).contains("-XX:+UseSerialGC");
    assertThat(vela(distribution(), "-Xmx1g -XX:+UseG1GC").out())
        .contains("-Xmx1g -XX:+UseG1GC")
        .doesNotContain("-XX:+UseSerialGC");
  }

  /** The launcher where a distribution has it, on a JDK that only shows what it was given. */
  private Path distribution() throws Exception {
    Files.writeString(
        jdk("shows", "25").resolveSibling("../release"), "JAVA_RUNTIME_VERSION=\"25\"\n");
    executable(machine.resolve("shows/bin/java"), "#!/bin/sh\necho \"$@\"\n");
    var distribution = machine.resolve("vela");
    Files.createDirectories(distribution.resolve("lib"));
    Files.createDirectories(distribution.resolve("bin"));
    for (var name : new String[] {"vela", "find-jdk.sh", "jvm-options.sh"}) {
      executable(
          distribution.resolve("bin").resolve(name), Files.readString(SCRIPT.resolveSibling(name)));
    }
    return distribution;
  }

  private Ended vela(Path distribution, String options) throws Exception {
    var command =
        new ProcessBuilder(
            "/bin/bash", distribution.resolve("bin/vela").toString(), "branch", "list");
    command.environment().clear();
    command.environment().put("PATH", "/usr/bin:/bin");
    command.environment().put("VELA_JAVA", machine.resolve("shows/bin/java").toString());
    command.environment().put("VELA_JAVA_OPTS", options);
    return ended(command);
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
    return command("find_jdk");
  }

  private ProcessBuilder command(String call) throws Exception {
    var programs = Files.createDirectories(machine.resolve("programs"));
    for (var program : new String[] {"sed", "head", "readlink", "dirname"}) {
      executable(
          programs.resolve(program), "#!/bin/sh\nexec /usr/bin/%s \"$@\"\n".formatted(program));
    }
    var command =
        new ProcessBuilder("/bin/bash", "-euc", ". \"$1\"; " + call, "-", SCRIPT.toString());
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
