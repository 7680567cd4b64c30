package io.vela.agent.isolation;

import io.vela.config.ResourceLimits;
import io.vela.config.value.ByteSize;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Control groups of running branches that are limited (cgroup v2; Linux documentation,
 * "admin-guide/cgroup-v2.rst"): {@code vela-ID/NAME} at the top of the hierarchy, where ID is this
 * Vela's. Any thread; methods block for a moment.
 */
final class Cgroups {
  private static final Logger log = LoggerFactory.getLogger(Cgroups.class);
  private static final Path MOUNTS = Path.of("/proc/self/mountinfo");
  private static final String CONTROLLERS = "cgroup.controllers";
  private static final String BELOW = "cgroup.subtree_control";

  /** In microseconds: what the kernel takes by default. */
  private static final long CPU_PERIOD = 100_000;

  /** The kernel takes a moment to let go of processes that have ended. */
  private static final Duration LETTING_GO = Duration.ofSeconds(2);

  private static final Duration POLL = Duration.ofMillis(5);

  private final Optional<Path> hierarchy;
  private final String own;

  /**
   * @param hierarchy where it is mounted; empty where the host has none
   * @param own the name of the group above all groups of this Vela
   */
  Cgroups(Optional<Path> hierarchy, String own) {
    this.hierarchy = hierarchy;
    this.own = own;
  }

  /**
   * Those of this host.
   *
   * @param folder this Vela's own, by which its groups are told from those of another
   */
  static Cgroups ofHost(Path folder) {
    var id = UUID.nameUUIDFromBytes(folder.toString().getBytes(StandardCharsets.UTF_8));
    return new Cgroups(mounted(), "vela-" + id);
  }

  private static Optional<Path> mounted() {
    return mounts().stream()
        .filter(fields -> fields.get(fields.indexOf("-") + 1).equals("cgroup2"))
        .map(fields -> Path.of(fields.get(4)))
        .findFirst();
  }

  private static List<List<String>> mounts() {
    try {
      return Files.readAllLines(MOUNTS).stream().map(line -> List.of(line.split(" "))).toList();
    } catch (IOException e) {
      log.warn("mounts not read", e);
      return List.of();
    }
  }

  /**
   * Puts a process, and all that it will start, into a group of its own with limits.
   *
   * @param name of the group
   * @param data on the disk whose rates are limited
   * @throws IOException with a reason for people when this host cannot keep one of the limits
   */
  void place(String name, long pid, ResourceLimits limits, Path data) throws IOException {
    var top =
        hierarchy.orElseThrow(
            () -> refused("no cgroup v2 hierarchy is mounted", new IOException(MOUNTS.toString())));
    var settings = settings(limits, data);
    require(top, settings);
    var group = top.resolve(own).resolve(name);
    try {
      Files.createDirectories(top.resolve(own));
      for (var parent : List.of(top, top.resolve(own))) {
        for (var controller : controllers(settings)) {
          write(parent.resolve(BELOW), "+" + controller);
        }
      }
      remove(name);
      Files.createDirectory(group);
      for (var setting : settings.entrySet()) {
        write(group.resolve(setting.getKey()), setting.getValue());
      }
      write(group.resolve("cgroup.procs"), String.valueOf(pid));
    } catch (IOException e) {
      throw refused(group + " cannot be written (" + e.getMessage() + ")", e);
    }
  }

  private static IOException refused(String why, IOException cause) {
    return new IOException(
        "the policy limits what branches take of the host, which this host cannot keep: " + why,
        cause);
  }

  /** What the kernel is told, by file. */
  private static Map<String, String> settings(ResourceLimits limits, Path data) throws IOException {
    var settings = new LinkedHashMap<String, String>();
    limits.memory().ifPresent(size -> settings.put("memory.max", "" + size.bytes()));
    limits
        .cpus()
        .map(cpus -> Math.max(1000, Math.round(cpus * CPU_PERIOD)))
        .ifPresent(quota -> settings.put("cpu.max", quota + " " + CPU_PERIOD));
    limits.processes().ifPresent(most -> settings.put("pids.max", "" + most));
    var rates = new ArrayList<String>();
    limits.readRate().map(ByteSize::bytes).ifPresent(rate -> rates.add("rbps=" + rate));
    limits.writeRate().map(ByteSize::bytes).ifPresent(rate -> rates.add("wbps=" + rate));
    if (!rates.isEmpty()) {
      settings.put("io.max", disk(data) + " " + String.join(" ", rates));
    }
    return settings;
  }

  private static List<String> controllers(Map<String, String> settings) {
    return settings.keySet().stream()
        .map(file -> file.substring(0, file.indexOf('.')))
        .distinct()
        .toList();
  }

  private static void require(Path top, Map<String, String> settings) throws IOException {
    var there = List.of(Files.readString(top.resolve(CONTROLLERS)).strip().split(" "));
    var missing = controllers(settings).stream().filter(name -> !there.contains(name)).toList();
    if (!missing.isEmpty()) {
      var where = "%s has no controllers %s".formatted(top, String.join(", ", missing));
      throw refused(where + " (they may be in use by cgroup v1)", new IOException(top.toString()));
    }
  }

  /** The number of the block device under a folder: {@code 7:0}. */
  private static String disk(Path data) throws IOException {
    var source =
        mounts().stream()
            .filter(fields -> data.startsWith(Path.of(fields.get(4))))
            .reduce((a, b) -> Path.of(b.get(4)).startsWith(Path.of(a.get(4))) ? b : a)
            .map(fields -> Path.of(fields.get(fields.indexOf("-") + 2)))
            .filter(path -> path.startsWith("/dev"));
    if (source.isEmpty()) {
      throw refused("no disk was found under " + data, new IOException(MOUNTS.toString()));
    }
    var numbers = Path.of("/sys/class/block").resolve(source.get().toRealPath().getFileName());
    return Files.readString(numbers.resolve("dev")).strip();
  }

  private static void write(Path file, String text) throws IOException {
    Files.writeString(file, text, StandardOpenOption.WRITE);
  }

  /** Removes groups of instances that ended while no Vela was there; those with processes stay. */
  void sweep() {
    var above = hierarchy.map(top -> top.resolve(own)).filter(Files::isDirectory);
    if (above.isEmpty()) {
      return;
    }
    try (var groups = Files.newDirectoryStream(above.get(), Files::isDirectory)) {
      for (var group : groups) {
        try {
          Files.delete(group);
        } catch (IOException e) {
          log.debug("cgroup in use group={}", group, e);
        }
      }
    } catch (IOException e) {
      log.warn("cgroups not looked through folder={}", above.get(), e);
    }
  }

  /** Removes a group whose processes have ended; nothing happens without one. */
  void remove(String name) {
    if (hierarchy.isEmpty()) {
      return;
    }
    var group = hierarchy.get().resolve(own).resolve(name);
    long deadline = System.nanoTime() + LETTING_GO.toNanos();
    while (true) {
      try {
        Files.delete(group);
        return;
      } catch (NoSuchFileException e) {
        return;
      } catch (IOException e) {
        if (System.nanoTime() > deadline) {
          log.warn("cgroup not removed group={}", group, e);
          return;
        }
        LockSupport.parkNanos(POLL.toNanos());
      }
    }
  }
}
