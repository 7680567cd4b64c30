/** HTTP for people and programs: REST under {@code /v1}, metrics, health. */
@NullMarked
package io.vela.admin;

import org.jspecify.annotations.NullMarked;
