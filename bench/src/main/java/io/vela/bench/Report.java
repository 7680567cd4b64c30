package io.vela.bench;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What a run found, with all that is needed to judge it.
 *
 * @param setting versions, cores, file system and settings, by name
 * @param figures in the order in which they were measured
 */
record Report(Map<String, String> setting, List<Figure> figures) {
  private static final String ROW = "%-34s %9s %9s %9s %9s  %-26s %9s %7s  %-7s %s%n";

  /** The report for people. */
  String table() {
    var text = new StringBuilder();
    setting.forEach((name, value) -> text.append("%-14s %s%n".formatted(name, value)));
    text.append('\n')
        .append(
            ROW.formatted(
                "what", "median", "min", "max", "p99", "against", "median", "ratio", "bar", ""));
    for (var figure : figures) {
      text.append(
          ROW.formatted(
              figure.what() + " [" + figure.unit() + "]",
              number(figure.vela().median()),
              number(figure.vela().min()),
              number(figure.vela().max()),
              number(figure.vela().percentile(0.99)),
              figure.referenceName(),
              number(figure.reference().median()),
              String.format(Locale.ROOT, "%.2f", figure.ratio()),
              figure.bar(),
              verdict(figure)));
    }
    return text.toString();
  }

  /** The report for programs; every single measurement is in it. */
  String json() {
    var rows = new JsonArray();
    for (var figure : figures) {
      rows.add(
          new JsonObject()
              .put("what", figure.what())
              .put("unit", figure.unit())
              .put("vela", sample(figure.vela()))
              .put("referenceName", figure.referenceName())
              .put("reference", sample(figure.reference()))
              .put("ratio", figure.ratio())
              .put("bar", figure.bar().toString())
              .put("met", figure.bar().met(figure.ratio())));
    }
    var all = new JsonObject();
    setting.forEach(all::put);
    return new JsonObject().put("setting", all).put("figures", rows).encodePrettily();
  }

  private static String verdict(Figure figure) {
    if (figure.bar().equals(Figure.Bar.NONE)) {
      return "";
    }
    return figure.bar().met(figure.ratio()) ? "met" : "MISSED";
  }

  private static JsonObject sample(Sample sample) {
    return new JsonObject()
        .put("median", sample.median())
        .put("min", sample.min())
        .put("max", sample.max())
        .put("p99", sample.percentile(0.99))
        .put("values", new JsonArray(sample.values()));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value >= 1000 ? "%.0f" : "%.2f", value);
  }
}
