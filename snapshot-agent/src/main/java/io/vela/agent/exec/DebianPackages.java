package io.vela.agent.exec;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StorageFailed;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Installs missing programs from Debian, where Vela may, and says so. */
public final class DebianPackages {
  private static final Duration TIMEOUT = Duration.ofMinutes(5);

  private final Consumer<String> say;

  /**
   * @param say told a line for a person before something is installed
   */
  public DebianPackages(Consumer<String> say) {
    this.say = say;
  }

  /**
   * The program, installed when it is missing, Vela runs as root and {@code apt-get} exists.
   *
   * @param program its name
   * @param debianPackage the package that has it
   * @throws CloneException that names the package when the program is missing and stays so
   */
  public Path ensure(String program, String debianPackage)
      throws CloneException, InterruptedException {
    return ensure(program, () -> Programs.find(program), debianPackage);
  }

  /**
   * The same for what is no program.
   *
   * @param name for a person
   * @param search finds it, if it is there
   */
  public Path ensure(String name, Supplier<Optional<Path>> search, String debianPackage)
      throws CloneException, InterruptedException {
    var present = search.get();
    if (present.isPresent()) {
      return present.get();
    }
    if (!ServiceUser.runningAsRoot() || Programs.find("apt-get").isEmpty()) {
      throw missing(name, debianPackage, "");
    }
    say.accept("installing the Debian package " + debianPackage + " for " + name);
    var installed = install(debianPackage);
    if (!installed.ok()) {
      // A fresh container has no package lists.
      aptGet(List.of("update")).run();
      installed = install(debianPackage);
    }
    var detail = installed.problem() + "\n" + installed.detail();
    return search.get().orElseThrow(() -> missing(name, debianPackage, detail));
  }

  private static Result install(String debianPackage) throws InterruptedException {
    return aptGet(List.of("install", "-y", "--no-install-recommends", "--", debianPackage)).run();
  }

  private static Command aptGet(List<String> words) {
    var argv = new ArrayList<>(List.of("apt-get", "-o", "DPkg::Lock::Timeout=60"));
    argv.addAll(words);
    return Command.of(argv).within(TIMEOUT).env("DEBIAN_FRONTEND", "noninteractive");
  }

  private static CloneException missing(String name, String debianPackage, String detail) {
    return new CloneException(
        new StorageFailed(
            "%s is missing: install the package %s".formatted(name, debianPackage), detail));
  }
}
