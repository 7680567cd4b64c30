package io.vela.agent.postgres;

import io.vela.agent.CloneException;
import io.vela.agent.CloneFailure.StartFailed;
import io.vela.agent.exec.Command;
import io.vela.agent.exec.ServiceUser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Reads which libraries a data directory's configuration loads and keeps those that are installed
 * here: a missing one would keep the clone from starting (Postgres documentation, section 19.11.4,
 * "Shared Library Preloading").
 */
final class PreloadFilter {
  /**
   * Libraries whose workers act on other servers by themselves, following tables in the data: they
   * are never loaded in a clone.
   */
  private static final Set<String> ACTING =
      Set.of("bdr", "pg_net", "pgactive", "pglogical", "repmgr", "spock");

  static final String SESSION = "session_preload_libraries";
  static final String LOCAL = "local_preload_libraries";

  private final Installation installation;
  private final ServiceUser user;

  PreloadFilter(Installation installation, ServiceUser user) {
    this.installation = installation;
    this.user = user;
  }

  /** What a clone of that data directory loads. */
  Preload read(Path data) throws CloneException, InterruptedException {
    var dropped = new ArrayList<String>();
    return new Preload(
        keep(data, "shared_preload_libraries", dropped),
        keep(data, SESSION, dropped),
        keep(data, LOCAL, dropped),
        dropped);
  }

  private List<String> keep(Path data, String setting, List<String> dropped)
      throws CloneException, InterruptedException {
    var names = configured(data, setting);
    var kept = kept(setting, names);
    names.stream().filter(name -> !kept.contains(name)).forEach(dropped::add);
    return kept;
  }

  /** Those of a setting's libraries that a clone loads. */
  List<String> kept(String setting, List<String> names) {
    // A name without a folder is looked for in plugins, for that setting only.
    var folder = setting.equals(LOCAL) ? "plugins" : "";
    return names.stream().filter(name -> isInstalled(name, folder) && !isActing(name)).toList();
  }

  /** The value in the configuration files, as {@code postgres -C} prints it without starting. */
  private List<String> configured(Path data, String setting)
      throws CloneException, InterruptedException {
    var argv =
        List.of(
            installation.program("postgres").toString(),
            "-D",
            data.toString(),
            "-c",
            "data_directory=" + data,
            "-C",
            setting);
    var result = Command.of(user.wrap(argv)).run();
    if (!result.ok()) {
      throw new CloneException(
          new StartFailed(
              "Postgres cannot read the configuration of the copied data directory",
              result.detail()));
    }
    return elements(result.stdout().strip());
  }

  /** Splits a list as Postgres writes one: by commas outside of double quotes. */
  static List<String> elements(String list) {
    var elements = new ArrayList<String>();
    var element = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i <= list.length(); i++) {
      char c = i < list.length() ? list.charAt(i) : ',';
      if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && (!quoted || i == list.length())) {
        if (!element.toString().isBlank()) {
          elements.add(element.toString().strip());
        }
        element.setLength(0);
      } else {
        element.append(c);
      }
    }
    return List.copyOf(elements);
  }

  private boolean isInstalled(String name, String folder) {
    var file =
        name.startsWith("$libdir/")
            ? installation.libraries().resolve(name.substring("$libdir/".length()))
            : name.contains("/")
                ? Path.of(name)
                : installation.libraries().resolve(folder).resolve(name);
    return Files.isRegularFile(file) || Files.isRegularFile(Path.of(file + ".so"));
  }

  private static boolean isActing(String name) {
    var plain = name.substring(name.lastIndexOf('/') + 1);
    return ACTING.contains(plain.endsWith(".so") ? plain.substring(0, plain.length() - 3) : plain);
  }
}
