package io.vela.agent.isolation;

import io.vela.agent.isolation.SystemCallFilter.Scope;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Only an instance's own files, no connections and no signals to others: by Landlock (landlock(7)),
 * with a filter of system calls for what Landlock does not decide about.
 */
final class LandlockConfinement implements Confinement {
  /** Host's names of users, which Postgres's programs look up. */
  private static final List<String> NAMES = List.of("passwd", "group", "nsswitch.conf");

  /**
   * Postgres's segments of shared memory would be in {@code /dev/shm}, where all branches of one
   * user could open each other's; these are files in the data directory.
   */
  private static final Map<String, String> SETTINGS = Map.of("dynamic_shared_memory_type", "mmap");

  private final List<Path> files;

  /**
   * @param files what each instance reads besides its own and the system's
   */
  LandlockConfinement(List<Path> files) {
    this.files = List.copyOf(files);
  }

  @Override
  public IsolationLevel level() {
    return IsolationLevel.LANDLOCK;
  }

  @Override
  public Map<String, String> serverSettings() {
    return SETTINGS;
  }

  @Override
  public long start(Launch launch, Spawn spawn) throws IOException {
    if (launch.hostNetwork()) {
      throw new IOException(
          "a branch with network: host needs namespaces, which this host does not let Vela make");
    }
    try (var rules = new LandlockRules()) {
      allow(rules, launch);
      var filter = new SystemCallFilter(new SystemCalls(), Scope.SHARED_HOST);
      return spawn.startFrom(
          () -> {
            rules.enforce();
            filter.enforce();
          });
    }
  }

  private void allow(LandlockRules rules, Launch launch) throws IOException {
    for (var name : TreeContents.SYSTEM) {
      rules.allowPrograms(Path.of("/", name));
    }
    rules.allowPrograms(launch.installation());
    for (var name : TreeContents.SETTINGS) {
      rules.allowReading(Path.of("/etc", name));
    }
    for (var name : NAMES) {
      rules.allowReading(Path.of("/etc", name));
    }
    for (var device : TreeContents.DEVICES) {
      rules.allowReadingAndWriting(Path.of("/dev", device.name()));
    }
    for (var file : files) {
      if (Files.exists(file)) {
        rules.allowReading(file);
      }
    }
    rules.allowAllBelow(launch.data());
    rules.allowAllBelow(launch.run().folder());
  }
}
