package io.vela.bench;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** All that a figure depends on besides Vela's code: versions, hardware, file systems, settings. */
final class Setting {
  private final Map<String, String> values = new LinkedHashMap<>();

  /**
   * Looks at this machine.
   *
   * @param work the folder that holds the data
   */
  Setting(Path work) throws IOException {
    put("java", Runtime.version().toString());
    put(
        "java options",
        Optional.ofNullable(System.getenv("VELA_JAVA_OPTS")).orElse("the launcher's"));
    put("kernel", String.valueOf(System.getProperty("os.version")));
    put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
    put("cpu", firstValue(Path.of("/proc/cpuinfo"), "model name"));
    put("memory", firstValue(Path.of("/proc/meminfo"), "MemTotal"));
    put("load before", Double.toString(load()));
    put("file system", Files.getFileStore(work).type());
  }

  /** Adds what has been found out otherwise. */
  void put(String name, String value) {
    values.put(name, value);
  }

  /** The pool in words. */
  void pool(JsonObject pool) {
    put("pool", pool.getString("driver") + ": " + pool.getString("note"));
  }

  /** By name, in the order in which they are shown. */
  Map<String, String> values() {
    return values;
  }

  private static double load() {
    return ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
  }

  private static String firstValue(Path file, String name) throws IOException {
    return Files.readAllLines(file).stream()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .findFirst()
        .orElse("unknown");
  }
}
