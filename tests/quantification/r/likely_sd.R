# Reference values for the coders' SD by likelihood: the marginal likelihood of each error, a
# mixture of a posterior that saw and one that missed, maximized by brute force (optim, from
# many starts) over the mean, the SD and the share that missed, anew without each subject.
# Run in this folder: Rscript likely_sd.R   (base R only)
# Writes likely_sd_data.csv (made here, seed fixed) and likely_sd_reference.csv; the tests need
# no R.
set.seed(20270406)
missed <- list(onset = c(0.10, 63), offset = c(0.14, 57))   # largest share: twice the first

cohort <- function(name, sizes, icc, off, sd = c(12, 20)) {
  rows <- lapply(seq_along(sizes), function(s) {
    n <- sizes[s]
    at <- function(sd, v, how) {
      sd * (sqrt(icc) * rnorm(1) + sqrt(1 - icc) * rnorm(n)) + rnorm(n, 0, sqrt(v)) +
        (runif(n) < off * how[1]) * rnorm(n, 0, how[2])
    }
    v_on <- 36 * rlnorm(n, 0, 0.5); v_off <- 80 * rlnorm(n, 0, 0.5)
    data.frame(cohort = name, subject = sprintf("s%02d", s),
               onset = round(5 + at(sd[1], v_on, missed$onset), 3), onset_variance = round(v_on, 3),
               offset = round(at(sd[2], v_off, missed$offset), 3), offset_variance = round(v_off, 3))
  })
  do.call(rbind, rows)
}
data <- rbind(
  cohort("none missed", pmax(2, round(rlnorm(26, 1, 0.8))), 0.3, 0),
  cohort("as known", pmax(1, round(rlnorm(20, 1, 0.8))), 0.3, 1),
  cohort("more than known", rep(3, 16), 0, 1.6),
  cohort("one clip each", rep(1, 90), 0, 1))
write.csv(data, "likely_sd_data.csv", row.names = FALSE, quote = FALSE)

fit <- function(e, v, how) {
  minus <- function(p) {
    m <- p[1]; s2 <- exp(2 * p[2]); q <- 2 * how[1] * plogis(p[3])
    -sum(log((1 - q) * dnorm(e, m, sqrt(s2 + v)) + q * dnorm(e, m, sqrt(s2 + v + how[2]^2))))
  }
  best <- list(value = Inf)
  for (sd in c(0.3, 0.7, 1.2)) for (share in c(-12, -1, 1, 12)) {
    start <- c(median(e), log(sd * mad(e)), share)
    one <- optim(start, minus, control = list(maxit = 4000, reltol = 1e-13))
    one <- optim(one$par, minus, control = list(maxit = 4000, reltol = 1e-13))
    if (one$value < best$value) best <- one
  }
  n <- length(e)
  c(log_sd = best$par[2] + 0.5 * log(n / (n - 1)), share = 2 * how[1] * plogis(best$par[3]),
    log_likelihood = -best$value)
}
rows <- list()
add <- function(cohort, what, value) {
  rows[[length(rows) + 1]] <<- data.frame(cohort = cohort, what = what, value = unname(value))
}
for (name in unique(data$cohort)) {
  d <- data[data$cohort == name, ]
  found <- left <- list()
  for (k in names(missed)) {
    at <- function(d) fit(d[[k]], d[[paste0(k, "_variance")]], missed[[k]])
    found[[k]] <- at(d)
    left[[k]] <- sapply(unique(d$subject), function(s) {
      e <- d[d$subject != s, ]
      at(e)["log_sd"] - 0.5 * log(nrow(e) / (nrow(e) - 1))
    })
  }
  g <- length(left$onset)
  error <- function(x) sqrt((g - 1) / g * sum((x - mean(x))^2))
  for (k in names(missed)) {
    add(name, paste0(k, "_sd"), exp(found[[k]]["log_sd"]))
    add(name, paste0(k, "_log_error"), error(left[[k]]))
    add(name, paste0(k, "_share"), found[[k]]["share"])
    add(name, paste0(k, "_log_likelihood"), found[[k]]["log_likelihood"])
  }
  add(name, "ratio", found$offset["log_sd"] - found$onset["log_sd"])
  add(name, "ratio_error", error(left$offset - left$onset))
}
out <- do.call(rbind, rows)
out$value <- sprintf("%.12g", out$value)
write.csv(out, "likely_sd_reference.csv", row.names = FALSE, quote = FALSE)
