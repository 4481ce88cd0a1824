# Reference values for random-intercept models.
# Run in this folder: Rscript mixed.R    (package lme4, lmerTest)
# Reads data.csv (written by reference.R), writes mixed.csv; the tests need no R.
# Adds real label revisions where tests/references.py wrote them (see there); none of their
# rows is written.
suppressPackageStartupMessages({library(lme4); library(lmerTest)})
source("real.R")
data <- with_real(read.csv("data.csv"), "data.csv")
rows <- list()
add <- function(cohort, model, what, value) {
  rows[[length(rows) + 1]] <<- data.frame(cohort = cohort, model = model, what = what, value = value)
}
tight <- lmerControl(optCtrl = list(xtol_rel = 1e-14, ftol_rel = 1e-14))
# Where the excess of a profile over its minimum crosses chi-squared(1), on both sides.
interval <- function(profile, best, lowest, highest) {
  f <- function(x) profile(x) - qchisq(0.95, 1)
  low <- if (best > lowest && f(lowest) > 0) uniroot(f, c(lowest, best), tol = 1e-10)$root else lowest
  c(low, uniroot(f, c(best, highest), tol = 1e-10)$root)
}
for (name in unique(data$cohort)) for (model in c("one", "groups")) {
  d <- data[data$cohort == name, ]
  formula <- if (model == "one") y ~ 1 + (1 | subject) else y ~ group + (1 | subject)
  m <- suppressMessages(lmer(formula, d, REML = TRUE, control = tight))
  v <- as.data.frame(VarCorr(m))$vcov
  add(name, model, "between", v[1]); add(name, model, "within", v[2])
  add(name, model, "log_likelihood", as.numeric(logLik(m, REML = TRUE)))
  # lme4's own restricted deviance, as a function of theta and sigma
  fun <- suppressMessages(lme4::lmer(formula, d, REML = TRUE, devFunOnly = TRUE))
  env <- environment(fun)
  n <- nrow(d) - length(fixef(m))
  deviance <- function(theta, sigma) {
    fun(theta)
    n * log(2 * pi * sigma^2) + (env$resp$wrss() + env$pp$sqrL(1)) / sigma^2 + env$pp$ldL2() + env$pp$ldRX2()
  }
  least <- -2 * as.numeric(logLik(m, REML = TRUE))
  theta <- getME(m, "theta"); s <- sigma(m)
  over_theta <- function(f, upper = 60) {
    starts <- c(0, exp(seq(-6, log(upper), length.out = 80)))
    k <- which.min(sapply(starts, f))
    o <- optimize(f, c(starts[max(1, k - 1)], starts[min(length(starts), k + 1)]), tol = 1e-12)
    min(o$objective, f(starts[k]))
  }
  t <- interval(function(x) fun(x) - least, theta, 0, 60)
  add(name, model, "icc_low", t[1]^2 / (1 + t[1]^2)); add(name, model, "icc_high", t[2]^2 / (1 + t[2]^2))
  w <- interval(function(x) over_theta(function(th) deviance(th, x)) - least, s, s / 20, s * 20)
  add(name, model, "within_low", w[1]); add(name, model, "within_high", w[2])
  sd_b <- function(x) {
    if (x == 0) return(fun(0) - least)
    over_theta(function(th) if (th == 0) Inf else deviance(th, x / th)) - least
  }
  b <- interval(sd_b, theta * s, 0, 20 * s)
  add(name, model, "between_low", b[1]); add(name, model, "between_high", b[2])
}
out <- do.call(rbind, rows)
out$value <- formatC(out$value, digits = 15, format = "g")
write.csv(out, "mixed.csv", row.names = FALSE, quote = FALSE)
