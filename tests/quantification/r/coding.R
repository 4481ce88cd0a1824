# Reference values of coders: variance components (lme4) and biases of coders (clubSandwich).
# Run in this folder: Rscript coding.R    (packages lme4, clubSandwich)
# Reads coding_data.csv (written by coding_data.py), writes coding.csv; the tests need no R.
suppressPackageStartupMessages({library(lme4); library(clubSandwich)})
data <- read.csv("coding_data.csv", colClasses = c(pass = "character"))
rows <- list()
add <- function(study, model, what, value) {
  rows[[length(rows) + 1]] <<- data.frame(study = study, model = model, what = what, value = value)
}
# Nelder and Mead to the end, from lme4's own start; nothing is left to the tolerance.
tight <- lmerControl(optimizer = "bobyqa", calc.derivs = FALSE,
                     check.conv.singular = "ignore", check.nobs.vs.nlev = "ignore",
                     check.nobs.vs.nRE = "ignore",
                     optCtrl = list(rhobeg = 0.2, rhoend = 1e-10, maxfun = 1e6))
twice <- function(formula, d) {
  first <- suppressWarnings(lmer(formula, d, REML = TRUE, control = tight))
  again <- suppressWarnings(lmer(formula, d, REML = TRUE, control = tight,
                                 start = pmax(getME(first, "theta"), 0)))
  if (REMLcrit(again) < REMLcrit(first)) again else first
}
for (name in unique(data$study)) {
  d <- data[data$study == name, ]
  n <- ave(rep(1, nrow(d)), d$event, FUN = sum)
  d <- d[n >= 2, ]
  d[c("subject", "event", "coder")] <- lapply(d[c("subject", "event", "coder")], factor)
  d$cs <- interaction(d$coder, d$subject, drop = TRUE)
  d$ce <- interaction(d$coder, d$event, drop = TRUE)
  d$cp <- interaction(d$coder, d$pass, drop = TRUE)
  effects <- c("(1 | coder)", "(1 | cs)")
  if (any(d$pass == "2")) effects <- c(effects, "(1 | ce)", "(1 | cp)")
  for (model in c("keyframe", "length")) {
    fixed <- if (model == "keyframe") "y ~ 0 + event" else "y ~ 1 + (1 | subject) + (1 | event)"
    m <- twice(as.formula(paste(fixed, paste(effects, collapse = " + "), sep = " + ")), d)
    v <- as.data.frame(VarCorr(m))
    for (i in seq_len(nrow(v))) add(name, model, v$grp[i], v$vcov[i])
    # Events as dummies add the log of their sizes to the criterion of contrasts.
    extra <- if (model == "keyframe") sum(log(table(d$event))) else 0
    add(name, model, "log_likelihood", -(REMLcrit(m) - extra) / 2)
  }
  # Bias of each coder against the coders' mean, events as dummies, CR2 by subject.
  contrasts(d$coder) <- contr.sum(nlevels(d$coder))
  fit <- lm(y ~ 0 + event + coder, d)
  own <- grep("^coder", names(coef(fit)))
  V <- vcovCR(fit, cluster = d$subject, type = "CR2")
  C <- rbind(diag(length(own)), -1)
  L <- matrix(0, nrow(C), length(coef(fit))); L[, own] <- C
  for (k in seq_len(nrow(C))) {
    found <- linear_contrast(fit, vcov = V, cluster = d$subject, contrasts = L[k, , drop = FALSE])
    add(name, "bias", paste0(levels(d$coder)[k], " estimate"), found$Est)
    add(name, "bias", paste0(levels(d$coder)[k], " std_error"), found$SE)
    add(name, "bias", paste0(levels(d$coder)[k], " df"), found$df)
  }
  H <- matrix(0, length(own), length(coef(fit))); H[, own] <- diag(length(own))
  w <- Wald_test(fit, constraints = H, vcov = V, cluster = d$subject, test = "HTZ")
  add(name, "bias", "HTZ F", w$Fstat); add(name, "bias", "HTZ df", w$df_denom)
  add(name, "bias", "HTZ p", w$p_val)
}
out <- do.call(rbind, rows)
out$value <- formatC(out$value, digits = 15, format = "g")
write.csv(out, "coding.csv", row.names = FALSE, quote = FALSE)
