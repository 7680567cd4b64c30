package io.vela.router;


